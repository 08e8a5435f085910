//! The provider itself: where it is asked what, its keys, and the questions. Every answer is bounded, in octets and in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{Refusal, Settings, token, word};
use crate::Error;
use crate::outgoing;
use crate::pages::encoded;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// What the provider says of itself is asked for again after so long.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
/// Its keys are asked for again no sooner: tokens that name keys of nobody's must not make us ask all the time.
const KEYS_EVERY: Duration = Duration::from_secs(30);
/// One that did not answer is left alone for so long.
const BREATH: Duration = Duration::from_secs(5);
/// Octets of an answer.
const LONGEST: usize = 512 * 1024;
/// Keys that are looked at.
const MOST_KEYS: usize = 100;

/// What the provider says of itself.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) authorization_endpoint: Url,
    token_endpoint: Url,
    userinfo_endpoint: Option<Url>,
    jwks_uri: Url,
    /// We prove who we are by the form's fields, not by the header.
    secret_in_form: bool,
    /// Its answers say whose they are (RFC 9207).
    pub(super) names_itself: bool,
}

/// As it writes it (OpenID Connect Discovery 1.0).
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What a code is exchanged for.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    #[serde(default)]
    access_token: Zeroizing<String>,
}

#[derive(Debug, Default)]
struct Cache {
    known: Option<(Arc<Known>, Instant)>,
    keys: Option<(Vec<Jwk>, Instant)>,
    away: Option<(String, Instant)>,
}

#[derive(Debug)]
pub(super) struct Provider {
    client: Client,
    issuer: String,
    client_id: String,
    secret: Option<Zeroizing<String>>,
    /// It is on this machine, and may be asked without TLS: for trying it out.
    plain: bool,
    cache: Mutex<Cache>,
}

impl Provider {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let bad = |text: String| Error::Bad(text);
        let issuer = Url::parse(&settings.issuer)
            .map_err(|why| bad(format!("issuer = {:?}: {why}", settings.issuer)))?;
        let plain = issuer.scheme() == "http" && outgoing::is_here(&issuer);
        if issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(bad("issuer has a query or a fragment: write it as the provider does".to_owned()));
        }
        outgoing::reachable(&issuer, plain)
            .map_err(|why| bad(format!("issuer = {:?}: {why}", settings.issuer)))?;
        Ok(Self {
            client: client(&settings.authority, plain).map_err(bad)?,
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            secret: settings.client_secret.clone(),
            plain,
            cache: Mutex::default(),
        })
    }

    /// What it says of itself, asked for now and then.
    pub(super) async fn known(&self) -> Result<Arc<Known>, Refusal> {
        let mut cache = self.cache.lock().await;
        if let Some((known, _)) = cache.known.as_ref().filter(|(_, at)| at.elapsed() < KNOWN_FOR) {
            return Ok(known.clone());
        }
        // Those who wait behind one who waited in vain need not wait again.
        if let Some((why, _)) = cache.away.as_ref().filter(|(_, at)| at.elapsed() < BREATH) {
            return Err(Refusal::Away(why.clone()));
        }
        match self.discover().await {
            Ok(known) => {
                let known = Arc::new(known);
                *cache = Cache { known: Some((known.clone(), Instant::now())), ..Cache::default() };
                Ok(known)
            }
            Err(refusal) => {
                cache.away = Some((refusal.why().to_owned(), Instant::now()));
                Err(refusal)
            }
        }
    }

    async fn discover(&self) -> Result<Known, Refusal> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let said: Discovered = self.read("what it says of itself", self.client.get(address)).await?;
        let wrong = |why: String| Refusal::Wrong(format!("what the provider says of itself: {why}"));
        if said.issuer != self.issuer {
            return Err(wrong(format!("its issuer is {:?}, not {:?}", short(&said.issuer), self.issuer)));
        }
        let lacks = |offered: &Option<Vec<String>>, one: &str| {
            offered.as_ref().is_some_and(|all| !all.iter().any(|offered| offered == one))
        };
        if lacks(&said.code_challenge_methods_supported, "S256") {
            return Err(wrong("it takes no code challenge by S256 (PKCE)".to_owned()));
        }
        let by_header = !lacks(&said.token_endpoint_auth_methods_supported, "client_secret_basic");
        let by_form = !lacks(&said.token_endpoint_auth_methods_supported, "client_secret_post");
        if self.secret.is_some() && !by_header && !by_form {
            return Err(wrong("it takes no client secret".to_owned()));
        }
        let url = |text: &str| {
            let url = Url::parse(text).map_err(|why| wrong(format!("{:?}: {why}", short(text))))?;
            outgoing::reachable(&url, self.plain)
                .map_err(|why| wrong(format!("{:?}: {why}", short(text))))?;
            Ok::<_, Refusal>(url)
        };
        Ok(Known {
            authorization_endpoint: url(&said.authorization_endpoint)?,
            token_endpoint: url(&said.token_endpoint)?,
            userinfo_endpoint: said.userinfo_endpoint.as_deref().map(url).transpose()?,
            jwks_uri: url(&said.jwks_uri)?,
            secret_in_form: !by_header,
            names_itself: said.authorization_response_iss_parameter_supported,
        })
    }

    /// The keys that could have signed this token.
    pub(super) async fn keys_for(&self, token: &str) -> Result<Vec<Jwk>, Refusal> {
        let signed = token::signed(token)?;
        let known = self.known().await?;
        if let Some((keys, at)) = &self.cache.lock().await.keys {
            let fitting = token::fitting(keys, &signed);
            if !fitting.is_empty() || at.elapsed() < KEYS_EVERY {
                return Ok(fitting);
            }
        }
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<Value>,
        }
        let all: Keys = self.read("its keys", self.client.get(known.jwks_uri.clone())).await?;
        // One key of a kind that we do not know spoils no other.
        let keys: Vec<Jwk> =
            all.keys.into_iter().take(MOST_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect();
        let fitting = token::fitting(&keys, &signed);
        self.cache.lock().await.keys = Some((keys, Instant::now()));
        Ok(fitting)
    }

    /// Exchanges a code. It counts once, and only together with the verifier.
    pub(super) async fn exchange(
        &self,
        code: &str,
        verifier: &str,
        redirect: &str,
    ) -> Result<Tokens, Refusal> {
        let known = self.known().await?;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(known.token_endpoint.clone());
        match &self.secret {
            Some(secret) if !known.secret_in_form => {
                // RFC 6749, 2.3.1: both are encoded like a form's fields.
                request = request.basic_auth(encoded(&self.client_id), Some(encoded(secret)));
            }
            Some(secret) => {
                fields.extend([("client_id", self.client_id.as_str()), ("client_secret", secret)])
            }
            None => fields.push(("client_id", &self.client_id)),
        }
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"));
        self.read("the exchange of the code", request).await
    }

    /// What it tells of somebody beside the token, if it does.
    pub(super) async fn more_about(&self, tokens: &Tokens) -> Result<Option<Map<String, Value>>, Refusal> {
        let known = self.known().await?;
        let Some(address) = known.userinfo_endpoint.clone().filter(|_| !tokens.access_token.is_empty())
        else {
            return Ok(None);
        };
        let request = self.client.get(address).bearer_auth(tokens.access_token.as_str());
        self.read("what it tells more", request).await.map(Some)
    }

    async fn read<T: DeserializeOwned>(&self, what: &str, request: RequestBuilder) -> Result<T, Refusal> {
        let away = |error: reqwest::Error| {
            Refusal::Away(format!("{what}: {}", crate::reasons(&error.without_url())))
        };
        let mut answer = request.header("accept", "application/json").send().await.map_err(away)?;
        let status = answer.status();
        let mut octets = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if octets.len() + chunk.len() > LONGEST {
                return Err(Refusal::Wrong(format!("{what}: the answer is longer than {LONGEST} octets")));
            }
            octets.extend_from_slice(&chunk);
        }
        if status == StatusCode::OK {
            return serde_json::from_slice(&octets).map_err(|why| Refusal::Wrong(format!("{what}: {why}")));
        }
        #[derive(Deserialize)]
        struct Said {
            error: String,
        }
        let said = serde_json::from_slice::<Said>(&octets).map(|said| word(&said.error)).unwrap_or_default();
        let why = format!("{what}: it answers {status} {said}").trim_end().to_owned();
        Err(match said.as_str() {
            // Used, or made for another round.
            "invalid_grant" => Refusal::Stale(why),
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Refusal::Away(why),
            _ => Refusal::Wrong(why),
        })
    }
}

/// Of a stranger's text as much as the log should have.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

fn client(authority: &str, plain: bool) -> Result<Client, String> {
    outgoing::client(authority, plain, CONNECT, WHOLE).map_err(|unusable| unusable.to_string())
}
