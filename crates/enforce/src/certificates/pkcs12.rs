//! PKCS#12: one key and its certificates out of a file that another program made, as PEM.
//!
//! What today's programs write (PBES2 with AES) and what older ones wrote (three-key DES, RC2 of 40 bits) is read; anything else
//! is said. How often a password is hashed is bounded by the library, the file by us.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::error::Error as Why;
use p12_keystore::{Certificate, Pkcs12Archive};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::Error;

/// Octets of a file: a key and a handful of certificates have some thousand.
const FILE: usize = 1 << 20;
/// Certificates of a file.
const CERTIFICATES: usize = 200;
/// Certificates from that of the key up to the authority.
const CHAIN: usize = 10;

/// Certificates (that of the key first) and the key, as PEM texts.
pub fn open_pkcs12(octets: &[u8], password: &str) -> Result<(String, Zeroizing<String>), Error> {
    if octets.len() > FILE {
        return Err(Error::new(format!("a PKCS#12 file of more than {FILE} octets is none")));
    }
    let archive = Pkcs12Archive::from_pkcs12(octets, password).map_err(|why| refused(&why))?;
    let key = match archive.keys.as_slice() {
        [key] => key.key.as_der(),
        [] => return Err(Error::new("there is no private key in the PKCS#12 file: export it with its key")),
        several => {
            let text =
                format!("there are {} private keys in the PKCS#12 file: export one alone", several.len());
            return Err(Error::new(text));
        }
    };
    if archive.certs.len() > CERTIFICATES {
        return Err(Error::new(format!(
            "there are more than {CERTIFICATES} certificates in the PKCS#12 file"
        )));
    }
    let certificates: Vec<&Certificate> = archive.certs.iter().map(|bag| &bag.cert).collect();
    let own = certificates.iter().find(|one| fits(one.as_der(), key)).ok_or_else(|| {
        Error::new("there is no certificate in the PKCS#12 file that belongs to its private key")
    })?;
    let chain = chain(own, &certificates);
    let text = chain.iter().map(|one| pem("CERTIFICATE", one.as_der()).to_string()).collect();
    Ok((text, pem("PRIVATE KEY", key)))
}

/// From the key's own upwards, as far as the file has them; an authority that vouches for itself is not sent to anybody.
fn chain<'a>(own: &'a Certificate, all: &[&'a Certificate]) -> Vec<&'a Certificate> {
    let mut chain = vec![own];
    while let Some(last) = chain.last().filter(|last| last.issuer() != last.subject()) {
        let next = all.iter().find(|one| one.subject() == last.issuer());
        let next = next.filter(|one| one.issuer() != one.subject() && !chain.contains(one));
        match next {
            Some(next) if chain.len() < CHAIN => chain.push(next),
            _ => break,
        }
    }
    chain
}

fn fits(certificate: &[u8], key: &[u8]) -> bool {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    web::listen::belong_together(vec![CertificateDer::from(certificate.to_vec())], key).is_ok()
}

fn pem(what: &str, der: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(digits.len() + digits.len() / 64 + 100));
    text.push_str(&format!("-----BEGIN {what}-----\n"));
    // Base64 is ASCII: any octet begins a character.
    for at in (0..digits.len()).step_by(64) {
        text.push_str(&digits[at..digits.len().min(at + 64)]);
        text.push('\n');
    }
    text.push_str(&format!("-----END {what}-----\n"));
    text
}

fn refused(why: &Why) -> Error {
    Error::new(match why {
        Why::MacError(_) => "the password does not open the PKCS#12 file, or it is damaged".to_owned(),
        Why::UnpadError | Why::Pkcs5Error(_) => {
            format!("the password does not open the PKCS#12 file, or it is damaged ({why})")
        }
        Why::UnsupportedEncryptionScheme | Why::UnsupportedMacAlgorithm => {
            "the PKCS#12 file is sealed in a way that is not read here (AES, three-key DES and RC2 of 40 bits are): write it \
             again with `openssl pkcs12 -in FILE -legacy -nodes | openssl pkcs12 -export -out NEW`"
                .to_owned()
        }
        Why::InvalidParameters => {
            "the PKCS#12 file asks for its password to be hashed more often than is sensible".to_owned()
        }
        why => format!("this is no PKCS#12 file, or it is damaged ({why})"),
    })
}
