//! What stands in a certificate, for people and for warnings.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::{Error, SOON};

/// A certificate as people look at it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// Common name.
    pub subject: String,
    /// Names and addresses that it stands for.
    pub names: Vec<String>,
    /// Common name of who vouches for it.
    pub issuer: String,
    /// Serial number, in hexadecimal digits.
    pub serial: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// It vouches for others.
    pub is_authority: bool,
    /// It vouches for itself.
    pub is_self_signed: bool,
    /// Blake3 of the whole, in hexadecimal digits.
    pub fingerprint: String,
}

impl Seen {
    /// It ends within 30 days, or has ended.
    pub fn ends_soon(&self) -> bool {
        self.until <= Timestamp::now() + SOON
    }

    /// It is over.
    pub fn is_over(&self) -> bool {
        self.until <= Timestamp::now()
    }
}

/// Each certificate of a PEM text, in its order.
pub fn describe(pem: &[u8]) -> Result<Vec<Seen>, Error> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|why| Error::new(format!("this is not PEM: {why}")))?;
    chain.iter().map(|der| one(der)).collect()
}

fn one(der: &CertificateDer<'_>) -> Result<Seen, Error> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der)
        .map_err(|why| Error::new(format!("a certificate in it cannot be read: {why}")))?;
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let common = |name: &x509_parser::x509::X509Name<'_>| {
        let common = name.iter_common_name().next().and_then(|name| name.as_str().ok());
        common.map_or_else(|| name.to_string(), ToOwned::to_owned)
    };
    Ok(Seen {
        subject: common(parsed.subject()),
        names: names(&parsed),
        issuer: common(parsed.issuer()),
        serial: parsed.raw_serial().iter().map(|octet| format!("{octet:02x}")).collect(),
        from: time(parsed.validity().not_before.timestamp()),
        until: time(parsed.validity().not_after.timestamp()),
        is_authority: parsed.is_ca(),
        is_self_signed: parsed.subject() == parsed.issuer(),
        fingerprint: blake3::hash(der).to_hex().to_string(),
    })
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress([a, b, c, d]) => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
        GeneralName::IPAddress(octets) => {
            <[u8; 16]>::try_from(*octets).ok().map(|octets| std::net::Ipv6Addr::from(octets).to_string())
        }
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}
