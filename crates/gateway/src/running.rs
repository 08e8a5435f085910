//! From settings to a running gateway, and its orderly end.

use std::net::SocketAddr;
use std::sync::Arc;

use smtp::mx::{Resolver, Target};
use smtp::server::{ServerConfig, ServerTls};
use smtp::tls::{Acceptor, CertificateFiles, Connector};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::listen::Tls;

use crate::door::Door;
use crate::hop::Way;
use crate::listener::{self, Kind, Shared};
use crate::options::networks;
use crate::queue::{Runner, Speech};
use crate::recorder::{self, Recorder};
use crate::to_enforce::ToEnforce;
use crate::updates::Sender;
use crate::{Destination, Error, Gateway, Options, bulk, limits, remediation};

/// A gateway at work.
#[derive(Debug)]
pub struct Running {
    /// Questions and decisions.
    pub gateway: Gateway,
    /// Where marked mail comes in.
    pub mail: SocketAddr,
    /// Where mail from inside comes in, in reflecting mode.
    pub submission: Option<SocketAddr>,
    /// Where Enforce remediates.
    pub remediation: Option<SocketAddr>,
    certificates: Certificates,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Certificates in use that can be read again.
#[derive(Debug, Clone, Default)]
pub struct Certificates {
    acceptors: Vec<Acceptor>,
    connector: Option<Connector>,
    remediation: Option<Tls>,
}

impl Certificates {
    /// Reads the files again: of the listeners for mail, of the updates to Enforce, of the remediation service. Connections that
    /// stand keep what they have. What is wrong with the first bad file; that one stays as it was.
    pub fn reload(&self) -> Result<(), Error> {
        let wrong = |why: String| Error::Setup(why);
        self.acceptors.iter().try_for_each(Acceptor::reload).map_err(|why| wrong(why.to_string()))?;
        self.connector.iter().try_for_each(Connector::reload).map_err(|why| wrong(why.to_string()))?;
        self.remediation.iter().try_for_each(Tls::reload).map_err(|why| wrong(why.to_string()))
    }
}

/// Opens the data, binds every listener, and begins. Fails as a whole or not at all.
pub async fn start(options: Options) -> Result<Running, Error> {
    let gateway = Gateway::open(options).await?;
    let options = gateway.options().clone();
    let resolver = Resolver::from_system()
        .or_else(|_| Resolver::from_servers(&[]))
        .map_err(|why| Error::Setup(format!("no resolver: {why}")))?;
    let resolver = Arc::new(resolver);
    let (recorder, recording) = recorder::start(gateway.clone());
    let mut certificates = Certificates::default();
    let mail_tls = mail_tls(&options, &mut certificates)?;
    let mail = Arc::new(mail_listener(&gateway, &resolver, &recorder, mail_tls.clone())?);
    let mail_socket = bind("mail", &options.mail.listen).await?;
    let mut addresses = (address(&mail_socket)?, None, None);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let mut submission = None;
    if let Some(inspect) = &options.inspect {
        let socket = bind("submission", &inspect.listen).await?;
        addresses.1 = Some(address(&socket)?);
        submission = Some((Arc::new(submission_listener(&gateway, &resolver, &recorder, mail_tls)?), socket));
    }
    let to_enforce = options.enforce.as_ref().map(ToEnforce::new).transpose()?;
    if options.sign_in.is_some() && to_enforce.is_none() {
        return Err(Error::Invalid(
            "sign_in: users of Enforce are asked for at Enforce; write [gateway.enforce] too, or leave sign_in out"
                .to_owned(),
        ));
    }
    certificates.connector = to_enforce.as_ref().map(ToEnforce::tls);
    let sender = options.enforce.clone().zip(to_enforce.clone());
    let sender = sender.map(|(enforce, to)| Sender::new(gateway.clone(), to, enforce)).transpose()?;
    if let Some(options) = &options.remediation {
        let tls = remediation::tls(options)?;
        certificates.remediation = Some(tls.clone());
        let listening = remediation::listen(gateway.clone(), &options.listen, tls, stop.clone()).await?;
        addresses.2 = Some(listening.address);
        tasks.spawn(async move {
            let _ = listening.task.await;
        });
    }
    // From here on nothing fails.
    if let Some(to) = to_enforce {
        let _ = gateway.inner.to_enforce.set(to);
    }
    tasks.spawn(listener::run(mail, mail_socket, stop.clone()));
    if let Some((shared, socket)) = submission {
        tasks.spawn(listener::run(shared, socket, stop.clone()));
    }
    if let Some(sender) = sender {
        tasks.spawn(sender.run(stop.clone()));
    }
    tasks.spawn(Runner::new(gateway.clone(), resolver).run(stop.clone()));
    tasks.spawn(limits::run(gateway.clone(), stop.clone()));
    tasks.spawn(bulk::run(gateway.clone(), stop.clone()));
    tasks.spawn(async move {
        let _ = recording.await;
    });
    drop(recorder);
    let (mail, submission, remediation) = addresses;
    Ok(Running { gateway, mail, submission, remediation, certificates, stop, tasks })
}

impl Running {
    /// Stops listening, lets transactions finish, and returns when all is at rest.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// What can be read again while it runs.
    pub fn certificates(&self) -> Certificates {
        self.certificates.clone()
    }

    /// Told when the gateway stops, for what stands beside it (the Control Center).
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }
}

fn mail_tls(options: &Options, certificates: &mut Certificates) -> Result<ServerTls, Error> {
    let Some(files) = &options.mail.tls else { return Ok(ServerTls::Off) };
    let pair = CertificateFiles { chain: files.certificate.clone(), key: files.key.clone() };
    let acceptor = Acceptor::load(pair, None).map_err(|why| Error::Setup(format!("mail.tls: {why}")))?;
    certificates.acceptors.push(acceptor.clone());
    Ok(ServerTls::Opportunistic(acceptor))
}

fn mail_listener(
    gateway: &Gateway,
    resolver: &Arc<Resolver>,
    recorder: &Recorder,
    tls: ServerTls,
) -> Result<Shared, Error> {
    let options = gateway.options();
    let kind = match &options.deliver {
        Destination::Smtp(target) => {
            let speech = Speech::to_hop(gateway.name(), &options.queue, true);
            let speech = speech.map_err(|why| Error::Setup(format!("queue: {why}")))?;
            Kind::Deliver(Way { resolver: resolver.clone(), target: target.clone(), speech })
        }
        Destination::Maildir(dir) => Kind::Maildir(dir.clone()),
    };
    let mail = &options.mail;
    let door = Door::new(
        "mail.allowed_hosts",
        &mail.allowed_hosts,
        mail.max_sessions,
        mail.max_sessions_per_address,
    )?;
    shared(gateway, recorder, kind, door, tls, "ESMTP Weir gateway")
}

fn submission_listener(
    gateway: &Gateway,
    resolver: &Arc<Resolver>,
    recorder: &Recorder,
    tls: ServerTls,
) -> Result<Shared, Error> {
    let Some(inspect) = &gateway.options().inspect else {
        return Err(Error::Setup("no detection server is configured".to_owned()));
    };
    let target = Target::parse(&inspect.inspect, 10025)
        .map_err(|why| Error::Invalid(format!("inspect.inspect: {why}")))?;
    let speech = Speech::plain(gateway.name());
    let kind = Kind::Inspect(Way { resolver: resolver.clone(), target, speech });
    let most = inspect.max_sessions;
    let door = Door::new("inspect.allowed_hosts", &inspect.allowed_hosts, most, most)?;
    shared(gateway, recorder, kind, door, tls, "ESMTP Weir submission")
}

fn shared(
    gateway: &Gateway,
    recorder: &Recorder,
    kind: Kind,
    door: Arc<Door>,
    tls: ServerTls,
    banner: &str,
) -> Result<Shared, Error> {
    let options = gateway.options();
    let spool = options.data.join("spool");
    std::fs::create_dir_all(&spool)
        .map_err(|why| Error::Setup(format!("cannot make {}: {why}", spool.display())))?;
    let smtp = ServerConfig {
        hostname: gateway.name().to_owned(),
        banner: banner.to_owned(),
        tls,
        max_size: options.mail.max_size,
        max_recipients: options.mail.max_recipients,
        ..ServerConfig::default()
    };
    Ok(Shared {
        gateway: gateway.clone(),
        kind,
        smtp: Arc::new(smtp),
        door,
        trusted: networks("trusted_peers", &options.trusted_peers)?,
        recorder: recorder.clone(),
        spool,
        memory: Shared::memory(),
    })
}

async fn bind(what: &str, listen: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(listen).await.map_err(|why| {
        Error::Setup(format!("cannot listen on {listen} ({what}): {}", web::listen::remedy(&why)))
    })
}

fn address(socket: &TcpListener) -> Result<SocketAddr, Error> {
    socket.local_addr().map_err(|why| Error::Setup(why.to_string()))
}
