//! One session with a destination: each batch is one transaction, and each of its recipients gets a fate.

use smtp::client::{Auth, Extensions, Hop, HopConfig, HopError, HopTls, Outgoing, Phase};
use smtp::command::{self, Command, Limits, Mail, Rcpt};
use smtp::mx::{Resolver, Target};
use smtp::reply::Reply;
use smtp::server::EnvelopeCommand;
use smtp::spool::Spooled;
use smtp::tls::{CertificateFiles, Connector, Trust};
use tokio_util::sync::CancellationToken;

use super::maildir;
use super::run::{Batch, Runner};
use crate::Destination;
use crate::header::Header;
use crate::options::{DeliveryTls, QueueOptions};

/// What became of one recipient's mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The destination has it.
    Delivered(String),
    /// Not now.
    Later(String),
    /// Not ever.
    Never(String),
    /// The connection broke after all was sent and before the answer.
    Unknown(String),
}

/// Delivers the batches one after another.
pub(crate) async fn deliver(
    runner: &Runner,
    to: &Destination,
    mut batches: Vec<Batch>,
    stop: &CancellationToken,
) {
    let mut session = None;
    while !batches.is_empty() {
        if stop.is_cancelled() {
            return runner.give_back(&batches).await;
        }
        let batch = batches.remove(0);
        let message = batch.entries.first().map_or(0, |entry| entry.message);
        let octets = match runner.gateway.octets(message).await {
            Ok(Some(octets)) => octets,
            Ok(None) => {
                let why = Fate::Never("its octets are not kept any more".to_owned());
                let fates = batch.entries.iter().map(|_| why.clone()).collect();
                runner.finish(&batch, fates, None).await;
                continue;
            }
            Err(error) => {
                tracing::error!(%error, message_number = message, "a queued mail cannot be read");
                let fates = batch.entries.iter().map(|_| Fate::Later(error.to_string())).collect();
                runner.finish(&batch, fates, None).await;
                continue;
            }
        };
        let fates = match to {
            Destination::Maildir(dir) => maildir::deliver(runner, dir, &batch, &octets).await,
            Destination::Smtp(target) => {
                transaction(runner, target, &mut session, &batch, octets.clone()).await
            }
        };
        runner.finish(&batch, fates, Some(&octets)).await;
    }
    if let Some(hop) = session.as_mut() {
        let _ = hop.quit().await;
    }
}

async fn transaction(
    runner: &Runner,
    target: &Target,
    session: &mut Option<Hop>,
    batch: &Batch,
    octets: Vec<u8>,
) -> Vec<Fate> {
    let all = |fate: Fate| vec![fate; batch.entries.len()];
    if session.as_ref().is_none_or(Hop::is_broken) {
        match connect(runner, target).await {
            Ok(hop) => *session = Some(hop),
            Err(error) => return all(Fate::Later(error.to_string())),
        }
    }
    let Some(hop) = session.as_mut() else { return all(Fate::Later("no session".to_owned())) };
    let header = Header::read(&octets);
    let pass_header = runner.gateway.options().pass_header.as_str();
    let (prefix, edits) = header.leaving(pass_header, &batch.changes);
    let message = Spooled::from_vec(octets);
    let outgoing = Outgoing { prefix: &prefix, message: &message, edits: &edits };
    let commands = match commands(batch, hop.extensions(), &message, outgoing.len()) {
        Ok(commands) => commands,
        Err(why) => return all(Fate::Never(why)),
    };
    let replies = match hop.envelope(&commands).await {
        Ok(replies) => replies,
        Err(error) => return all(Fate::Later(error.to_string())),
    };
    let (mail, rcpts) = (&replies[0], &replies[1..]);
    if !mail.is_positive() {
        let _ = hop.rset().await;
        return all(refused(mail));
    }
    let mut fates: Vec<Option<Fate>> =
        rcpts.iter().map(|reply| (!reply.is_positive()).then(|| refused(reply))).collect();
    let ids: Vec<u64> = batch
        .entries
        .iter()
        .zip(&fates)
        .filter_map(|(entry, fate)| fate.is_none().then_some(entry.id))
        .collect();
    if ids.is_empty() {
        let _ = hop.rset().await;
    } else {
        let fate = match runner.handing(&ids).await {
            Ok(()) => hand_over(hop, &outgoing).await,
            Err(error) => {
                let _ = hop.rset().await;
                Fate::Later(format!("our own database: {error}"))
            }
        };
        fates.iter_mut().filter(|one| one.is_none()).for_each(|one| *one = Some(fate.clone()));
    }
    fates.into_iter().flatten().collect()
}

async fn hand_over(hop: &mut Hop, outgoing: &Outgoing<'_>) -> Fate {
    match hop.send(outgoing).await {
        Ok(reply) if reply.is_positive() => Fate::Delivered(format!("{} answered {reply}", hop.peer())),
        Ok(reply) => {
            if !hop.is_broken() {
                let _ = hop.rset().await;
            }
            refused(&reply)
        }
        // All was sent and no answer came: it may be there.
        Err(error @ (HopError::Timeout(Phase::DataFinal) | HopError::Closed(Phase::DataFinal))) => {
            Fate::Unknown(error.to_string())
        }
        Err(error @ (HopError::Malformed(_) | HopError::WrongCode(Phase::DataFinal, _))) => {
            Fate::Unknown(error.to_string())
        }
        Err(error @ (HopError::Io(_) | HopError::Timeout(Phase::DataBlock))) => {
            Fate::Unknown(error.to_string())
        }
        Err(error) => Fate::Later(error.to_string()),
    }
}

fn refused(reply: &Reply) -> Fate {
    if reply.is_permanent() { Fate::Never(reply.to_string()) } else { Fate::Later(reply.to_string()) }
}

async fn connect(runner: &Runner, target: &Target) -> Result<Hop, HopError> {
    let options = runner.gateway.options();
    let usual = matches!(&options.deliver, Destination::Smtp(usual) if usual == target);
    let speech = Speech::to_hop(runner.gateway.name(), &options.queue, usual).map_err(HopError::Tls)?;
    connect_to(&runner.resolver, target, &speech).await
}

/// How a hop is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Speech {
    helo: String,
    tls: HopTls,
    auth: Option<Auth>,
}

impl Speech {
    /// In clear, as to a detection server of our own.
    pub(crate) fn plain(helo: &str) -> Self {
        Self { helo: helo.to_owned(), tls: HopTls::Off, auth: None }
    }

    /// As the settings of the queue say; the password is for the usual hop only.
    pub(crate) fn to_hop(helo: &str, queue: &QueueOptions, usual: bool) -> Result<Self, String> {
        let shown = queue
            .identity
            .as_ref()
            .map(|files| CertificateFiles { chain: files.certificate.clone(), key: files.key.clone() });
        let ca = queue.identity.as_ref().and_then(|files| files.ca.clone());
        let load = |trust| Connector::load(trust, shown, None).map_err(|why| why.to_string());
        let tls = match queue.tls {
            DeliveryTls::Off => HopTls::Off,
            DeliveryTls::Opportunistic => HopTls::Opportunistic(load(Trust::Anyone)?),
            DeliveryTls::Required => HopTls::Required(load(ca.map_or(Trust::System, Trust::File))?),
        };
        let auth = queue.auth.as_ref().filter(|_| usual).map(|auth| {
            let read = Auth::from_file(&auth.user, &auth.secret_file);
            read.map_err(|why| format!("cannot read {}: {why}", auth.secret_file.display()))
        });
        Ok(Self { helo: helo.to_owned(), tls, auth: auth.transpose()? })
    }
}

/// A session with the first address that answers.
pub(crate) async fn connect_to(
    resolver: &Resolver,
    target: &Target,
    speech: &Speech,
) -> Result<Hop, HopError> {
    let failed = |why: String| HopError::Connect(std::io::Error::other(why));
    let addresses = resolver.resolve(target).await.map_err(|why| failed(why.to_string()))?;
    let mut last = failed(format!("{target} has no address"));
    for (host, address) in addresses {
        let config = hop_config(&host, address.port(), speech);
        match Hop::connect(address, &config).await {
            Ok(hop) => return Ok(hop),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn hop_config(host: &str, port: u16, speech: &Speech) -> HopConfig {
    // EHLO wants a domain; a gateway's name may be any word.
    let helo = command::Domain::parse(speech.helo.as_bytes())
        .map_or("localhost".to_owned(), |name| name.to_string());
    let (tls, auth) = (speech.tls.clone(), speech.auth.clone());
    HopConfig { tls, auth, ..HopConfig::plain(host, port, &helo) }
}

/// MAIL and RCPT as they came, less what this hop does not know. An error is for good: the hop cannot carry this message.
fn commands(
    batch: &Batch,
    hop: &Extensions,
    message: &Spooled,
    size: u64,
) -> Result<Vec<EnvelopeCommand>, String> {
    let first = batch.entries.first().ok_or("nothing to deliver")?;
    if hop.size.is_some_and(|most| most > 0 && size > most) {
        return Err(format!("552 5.3.4 the next host takes {} octets at most", hop.size.unwrap_or(0)));
    }
    if message.body_8bit && !hop.eight_bit_mime {
        return Err(
            "554 5.6.3 the next host takes no 8-bit mail, and mail is never rewritten here".to_owned()
        );
    }
    let mail = match parsed(b"MAIL FROM:", &first.mail)? {
        Command::Mail(mail) => mail_for(&mail, hop, size)?,
        _ => return Err("the stored sender cannot be read".to_owned()),
    };
    let mut commands = vec![EnvelopeCommand::Mail(mail)];
    for entry in &batch.entries {
        match parsed(b"RCPT TO:", &entry.rcpt)? {
            Command::Rcpt(rcpt) => commands.push(EnvelopeCommand::Rcpt(rcpt_for(&rcpt, hop))),
            _ => return Err("the stored recipient cannot be read".to_owned()),
        }
    }
    Ok(commands)
}

fn mail_for(mail: &Mail, hop: &Extensions, size: u64) -> Result<Mail, String> {
    if mail.is_utf8() && !hop.smtp_utf8 {
        return Err("553 5.6.7 the next host does not know SMTPUTF8, which this mail needs".to_owned());
    }
    let mut verbatim = path(&mail.verbatim).to_vec();
    for param in &mail.params {
        let keep = match param.keyword.as_str() {
            "BODY" => hop.eight_bit_mime,
            "SMTPUTF8" => true,
            "RET" | "ENVID" => hop.dsn,
            _ => false,
        };
        if keep {
            push(&mut verbatim, param);
        }
    }
    if hop.size.is_some() {
        verbatim.extend_from_slice(format!(" SIZE={size}").as_bytes());
    }
    Ok(Mail { verbatim, ..mail.clone() })
}

fn rcpt_for(rcpt: &Rcpt, hop: &Extensions) -> Rcpt {
    let mut verbatim = path(&rcpt.verbatim).to_vec();
    if hop.dsn {
        rcpt.params.iter().for_each(|param| push(&mut verbatim, param));
    }
    Rcpt { verbatim, ..rcpt.clone() }
}

fn push(verbatim: &mut Vec<u8>, param: &command::Param) {
    let value = param.value.iter().map(|value| format!("={value}")).collect::<String>();
    verbatim.extend_from_slice(format!(" {}{value}", param.keyword).as_bytes());
}

/// The path with its brackets: up to the first `>` outside of a quoted local part.
fn path(verbatim: &[u8]) -> &[u8] {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in verbatim.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return &verbatim[..=at],
            _ => {}
        }
    }
    verbatim
}

/// Stored envelope lines were parsed when they came in; they are parsed again so that nothing else ever goes on the wire.
pub(crate) fn parsed(verb: &[u8], verbatim: &[u8]) -> Result<Command, String> {
    let line = [verb, verbatim].concat();
    command::parse_within(&line, &Limits::default())
        .map_err(|why| format!("the stored envelope cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(verbatim: &str) -> Mail {
        match parsed(b"MAIL FROM:", verbatim.as_bytes()).unwrap() {
            Command::Mail(mail) => mail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_envelope_goes_on_as_it_came_less_what_the_hop_does_not_know() {
        let came = mail("<\"a>b\"@x.example> SIZE=5 BODY=8BITMIME RET=HDRS ENVID=q");
        let all = Extensions { size: Some(0), eight_bit_mime: true, dsn: true, ..Extensions::default() };
        let went = mail_for(&came, &all, 77).unwrap().verbatim;
        assert_eq!(
            String::from_utf8(went).unwrap(),
            "<\"a>b\"@x.example> BODY=8BITMIME RET=HDRS ENVID=q SIZE=77"
        );
        let went = mail_for(&came, &Extensions::default(), 77).unwrap().verbatim;
        assert_eq!(String::from_utf8(went).unwrap(), "<\"a>b\"@x.example>");
        assert_eq!(path(b"<> BODY=8BITMIME"), b"<>");
    }
}
