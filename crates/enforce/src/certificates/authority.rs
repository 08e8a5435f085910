//! The authority: makes certificates for servers and clients, and signs requests whose keys it never sees.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use zeroize::Zeroizing;

use super::Error;

/// Names of one certificate.
const NAMES: usize = 50;

/// A certificate and its key, both PEM.
pub struct Pair {
    /// The certificate, with those above it behind.
    pub certificate: String,
    /// PKCS#8.
    pub key: Zeroizing<String>,
}

/// What a certificate is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Shown to clients.
    Server,
    /// Shown to servers.
    Client,
    /// Both.
    Both,
}

/// What is to be certified.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Who it is: the first of its names too, where it can stand there.
    pub name: String,
    /// Further names and addresses.
    pub names: Vec<String>,
    /// What for.
    pub purpose: Use,
    /// From today.
    pub days: u32,
}

/// An authority with its key.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// A new one.
    pub fn make(name: &str, days: u32) -> Result<(Self, Pair), Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        common(&mut params, name, days)?;
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = params.self_signed(&key).map_err(refused)?.pem();
        let pair = Pair { certificate: certificate.clone(), key: Zeroizing::new(key.serialize_pem()) };
        Ok((Self { issuer: Issuer::new(params, key), certificate }, pair))
    }

    /// From its PEM texts.
    pub fn read(certificate: &str, key: &str) -> Result<Self, Error> {
        let key = KeyPair::from_pem(key).map_err(|why| Error::new(format!("the authority's key: {why}")))?;
        let issuer = Issuer::from_ca_cert_pem(certificate, key)
            .map_err(|why| Error::new(format!("the authority's certificate: {why}")))?;
        Ok(Self { issuer, certificate: certificate.to_owned() })
    }

    /// Its certificate (PEM).
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// What a token carries, so that a server knows this authority before it trusts any.
    pub fn fingerprint(&self) -> Result<String, Error> {
        super::describe(self.certificate.as_bytes())?
            .first()
            .map(|seen| seen.fingerprint.clone())
            .ok_or_else(|| Error::new("the authority's file holds no certificate"))
    }

    /// A certificate with a new key.
    pub fn issue(&self, issue: &Issue) -> Result<Pair, Error> {
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = params(issue)?.signed_by(&key, &self.issuer).map_err(refused)?.pem();
        Ok(Pair {
            certificate: format!("{certificate}{}", self.certificate),
            key: Zeroizing::new(key.serialize_pem()),
        })
    }

    /// A certificate for the key of a request (PEM). Nothing else of the request counts.
    pub fn sign(&self, request: &str, issue: &Issue) -> Result<String, Error> {
        let mut request = CertificateSigningRequestParams::from_pem(request)
            .map_err(|why| Error::new(format!("the certificate signing request: {why}")))?;
        request.params = params(issue)?;
        let certificate = request.signed_by(&self.issuer).map_err(refused)?.pem();
        Ok(format!("{certificate}{}", self.certificate))
    }
}

/// A request and its key, for whoever is to be certified.
pub fn request(name: &str) -> Result<Pair, Error> {
    let key = KeyPair::generate().map_err(refused)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let request = params.serialize_request(&key).and_then(|request| request.pem()).map_err(refused)?;
    Ok(Pair { certificate: request, key: Zeroizing::new(key.serialize_pem()) })
}

fn params(issue: &Issue) -> Result<CertificateParams, Error> {
    let mut names = vec![issue.name.clone()];
    names.extend(issue.names.iter().filter(|name| **name != issue.name).cloned());
    for name in &names {
        check(name)?;
    }
    if names.len() > NAMES {
        return Err(Error::new(format!("a certificate has at most {NAMES} names")));
    }
    let mut params = CertificateParams::new(names).map_err(refused)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = match issue.purpose {
        Use::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Use::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Use::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
    };
    params.use_authority_key_identifier_extension = true;
    common(&mut params, &issue.name, issue.days)?;
    Ok(params)
}

/// A DNS name or an address.
pub(crate) fn check(name: &str) -> Result<(), Error> {
    let octet = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*');
    let is_name = !name.is_empty() && name.len() <= 253 && name.chars().all(octet);
    if is_name || name.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    Err(Error::new(format!("{:?} is neither a host name nor an address", name.escape_debug().to_string())))
}

fn common(params: &mut CertificateParams, name: &str, days: u32) -> Result<(), Error> {
    params.distinguished_name.push(DnType::OrganizationName, "Weir");
    params.distinguished_name.push(DnType::CommonName, name);
    let mut serial = [0_u8; 16];
    getrandom::fill(&mut serial).map_err(|why| Error::new(format!("no random octets: {why}")))?;
    // A positive number that is nowhere zero at the front (RFC 5280 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let now = Timestamp::now();
    // Clocks differ: a day back.
    let start = date(now - SignedDuration::from_hours(24));
    let end = date(now + SignedDuration::from_hours(24 * i64::from(days.clamp(1, 36_500))));
    params.not_before = rcgen::date_time_ymd(start.0, start.1, start.2);
    params.not_after = rcgen::date_time_ymd(end.0, end.1, end.2);
    Ok(())
}

fn date(at: Timestamp) -> (i32, u8, u8) {
    let date = TimeZone::UTC.to_datetime(at).date();
    (date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
}

fn refused(why: rcgen::Error) -> Error {
    Error::new(format!("a certificate cannot be made: {why}"))
}
