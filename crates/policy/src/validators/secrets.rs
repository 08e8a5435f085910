//! Keys and tokens: structure and checksums where the issuer publishes them, entropy and placeholder checks where not.

use super::{Validator, verbatim};

pub(super) const TABLE: &[Validator] = &[
    verbatim(
        "entropy_3",
        |t| t.len() >= 8 && entropy(t) >= 3.0,
        "at least 3.0 bits of Shannon entropy a character, 8 characters or more",
    ),
    verbatim(
        "entropy_3_5",
        |t| t.len() >= 12 && entropy(t) >= 3.5,
        "at least 3.5 bits of Shannon entropy a character, 12 characters or more",
    ),
    verbatim(
        "entropy_4",
        |t| t.len() >= 16 && entropy(t) >= 4.0,
        "at least 4.0 bits of Shannon entropy a character, 16 characters or more",
    ),
    verbatim(
        "not_placeholder",
        not_placeholder,
        "refuses examples, variables, masks and words that stand for a secret",
    ),
    verbatim(
        "assigned_secret",
        assigned_secret,
        "what stands behind the first = or : has letters and digits, 2.8 bits a character, and is no placeholder",
    ),
    verbatim(
        "last_word_secret",
        |t| {
            t.split([' ', '\t', '\r', '\n'])
                .next_back()
                .is_some_and(|word| word.len() >= 6 && not_placeholder(word))
        },
        "the last word is long enough for a secret and no placeholder",
    ),
    verbatim(
        "wireguard_private_key",
        wireguard_private_key,
        "WireGuard private key: 32 octets in base 64, clamped as RFC 7748 says",
    ),
    verbatim("mixed_characters", mixed_characters, "at least one letter and one digit"),
    verbatim(
        "github_token",
        crc32_token,
        "GitHub token: CRC-32 of the random part in its last six characters",
    ),
    verbatim("npm_token", crc32_token, "npm token: CRC-32 of the random part in its last six characters"),
    verbatim(
        "aws_access_key_id",
        aws_access_key_id,
        "AWS access key id: base 32, account number in range, not an example",
    ),
    verbatim(
        "jwt",
        jwt,
        "JSON Web Token: header and claims decode to JSON objects, the header names an algorithm",
    ),
    verbatim("bech32", bech32, "Bech32 or Bech32m checksum (BIP 173, BIP 350)"),
    verbatim(
        "url_with_password",
        url_with_password,
        "a URL whose authority holds a user name and a password that is no placeholder",
    ),
];

/// Shannon entropy in bits a character over octets.
fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    for octet in text.bytes() {
        counts[usize::from(octet)] += 1;
    }
    let total = text.len() as f64;
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / total).map(|p| -p * p.log2()).sum()
}

/// Words that show that a value is not the real one. Lower case.
const PLACEHOLDERS: [&str; 30] = [
    "example",
    "sample",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your",
    "insert",
    "dummy",
    "redacted",
    "secret_here",
    "xxxx",
    "****",
    "....",
    "____",
    "----",
    "1234567890",
    "abcdefgh",
    "null",
    "undefined",
    "todo",
    "fixme",
    "<",
    "${",
    "{{",
    "%(",
    "$(",
    "test",
    "fake",
    "foobar",
];

fn not_placeholder(text: &str) -> bool {
    let octets = text.as_bytes();
    let holds =
        |word: &&str| octets.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
    let same = octets.windows(2).all(|w| w.first() == w.last());
    let variable = text.starts_with(['$', '%', '@', '&']) || text.contains("()") || text.ends_with("()");
    !octets.is_empty() && !same && !variable && !PLACEHOLDERS.iter().any(holds)
}

/// `password = "value"`: the value alone is judged. Values that look like code (calls, members, paths) are refused.
fn assigned_secret(text: &str) -> bool {
    let Some((_, value)) = text.split_once(['=', ':']) else { return false };
    let value = value.trim_matches(|c: char| matches!(c, ' ' | '"' | '\'' | '=' | '>' | ':'));
    let code = value.contains('(') && value.contains(')')
        || value.contains("::")
        || value.split('.').filter(|word| word.len() > 1 && is_identifier(word)).count() > 1;
    value.len() >= 8 && !code && mixed_characters(value) && entropy(value) >= 2.8 && not_placeholder(value)
}

/// A lower-case word as programs name things: no digit but at its end.
fn is_identifier(word: &str) -> bool {
    word.trim_end_matches(|c: char| c.is_ascii_digit()).bytes().all(|o| o.is_ascii_lowercase() || o == b'_')
}

fn mixed_characters(text: &str) -> bool {
    text.bytes().any(|o| o.is_ascii_alphabetic()) && text.bytes().any(|o| o.is_ascii_digit())
}

/// `prefix_`, thirty characters of base 62, and their CRC-32 as six digits of base 62.
fn crc32_token(text: &str) -> bool {
    let Some((_, secret)) = text.rsplit_once('_') else { return false };
    let Some((random, check)) = secret.split_at_checked(30).filter(|(_, check)| check.len() == 6) else {
        return false;
    };
    let digit = |o: u8| match o {
        b'0'..=b'9' => Some(u64::from(o - b'0')),
        b'A'..=b'Z' => Some(u64::from(o - b'A') + 10),
        b'a'..=b'z' => Some(u64::from(o - b'a') + 36),
        _ => None,
    };
    let stated = check.bytes().try_fold(0u64, |n, o| Some(n * 62 + digit(o)?));
    random.bytes().all(|o| o.is_ascii_alphanumeric()) && stated == Some(u64::from(crc32(random.as_bytes())))
}

/// CRC-32 as in zip and Ethernet.
fn crc32(octets: &[u8]) -> u32 {
    !octets.iter().fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Four letters of the kind, sixteen of base 32. Ids since 2019 hold the account number, which has twelve decimal digits.
fn aws_access_key_id(text: &str) -> bool {
    let octets = text.as_bytes();
    let kind = ["AKIA", "ASIA", "ABIA", "ACCA"].iter().any(|k| text.starts_with(k));
    let Some(body) = octets.get(4..).filter(|b| b.len() == 16) else { return false };
    let bits = body.iter().try_fold(0u128, |bits, o| Some(bits << 5 | u128::from(base32(*o)?)));
    let Some(bits) = bits else { return false };
    let old = matches!(body.first(), Some(b'I' | b'J'));
    let account = (bits >> 32) as u64 & 0x7fff_ffff_ff80;
    kind && !text.ends_with("EXAMPLE") && (old || account >> 7 <= 999_999_999_999)
}

fn base32(octet: u8) -> Option<u8> {
    match octet {
        b'A'..=b'Z' => Some(octet - b'A'),
        b'2'..=b'7' => Some(octet - b'2' + 26),
        _ => None,
    }
}

/// Three base64url parts, of which the first two are JSON objects.
fn jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let mut room = [0u8; 1024];
    let named = base64(header, &mut room)
        .is_some_and(|json| json.starts_with(b"{") && json.windows(5).any(|w| w == b"\"alg\""));
    let mut start = [0u8; 1024];
    let head = claims.get(..claims.len().min(64) & !3).unwrap_or("");
    let object = base64(head, &mut start)
        .is_some_and(|json| matches!(json, [b'{', b'"' | b' ' | b'\n' | b'\r' | b'}', ..]));
    named && object && signature.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'-' || o == b'_')
}

/// `PrivateKey = ` and the scalar: of its first octet the lowest three bits are clear, of its last the highest two are 01.
fn wireguard_private_key(text: &str) -> bool {
    let Some(key) = text.strip_suffix('=').and_then(|text| text.get(text.len().checked_sub(43)?..)) else {
        return false;
    };
    let mut room = [0u8; 33];
    let Some([first, .., last]) = base64(key, &mut room).filter(|key| key.len() == 32) else { return false };
    // Two bits of the last character stand for nothing.
    let whole =
        key.ends_with(['A', 'E', 'I', 'M', 'Q', 'U', 'Y', 'c', 'g', 'k', 'o', 's', 'w', '0', '4', '8']);
    first & 7 == 0 && last >> 6 == 1 && whole
}

/// Base 64 in either alphabet, without padding.
fn base64<'r>(text: &str, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let (mut bits, mut count, mut used) = (0u32, 0u32, 0usize);
    for octet in text.bytes() {
        let six = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            *room.get_mut(used)? = (bits >> count) as u8;
            used += 1;
        }
    }
    room.get(..used)
}

fn bech32(text: &str) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let Some((prefix, data)) =
        text.rsplit_once('1').filter(|(p, d)| !p.is_empty() && d.len() >= 6 && text.len() <= 90)
    else {
        return false;
    };
    let mixed = text.bytes().any(|o| o.is_ascii_lowercase()) && text.bytes().any(|o| o.is_ascii_uppercase());
    let lower = |o: u8| o.to_ascii_lowercase();
    let expanded =
        prefix.bytes().map(|o| lower(o) >> 5).chain([0]).chain(prefix.bytes().map(|o| lower(o) & 31));
    let mut state = expanded.fold(1, bech32_step);
    for octet in data.bytes() {
        let Some(v) = ALPHABET.iter().position(|a| *a == lower(octet)) else { return false };
        state = bech32_step(state, v as u8);
    }
    !mixed && matches!(state, 1 | 0x2bc8_30a3)
}

fn bech32_step(state: u32, v: u8) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = state >> 25;
    let shifted = (state & 0x01ff_ffff) << 5 ^ u32::from(v);
    GENERATOR.iter().enumerate().fold(shifted, |s, (bit, g)| if top >> bit & 1 == 1 { s ^ g } else { s })
}

fn url_with_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next().unwrap_or("");
    let Some((user, host)) = authority.rsplit_once('@') else { return false };
    let Some((name, password)) = user.split_once(':') else { return false };
    let told = ["password", "pass", "pwd", "secret", "user", "username"];
    // Redis has passwords without users.
    let named = !name.is_empty() || text.starts_with("redis");
    named
        && password.len() >= 4
        && host.len() >= 3
        && !told.iter().any(|word| password.eq_ignore_ascii_case(word))
        && not_placeholder(password)
        && !host.starts_with(['<', '$', '{'])
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    fn accepts(name: &str, text: &str) -> bool {
        validator(name).unwrap().accepts(text)
    }

    #[test]
    fn a_github_token_carries_the_crc_of_its_random_part() {
        let token = ["ghp", "_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"].concat();
        assert!(accepts("github_token", &token));
        assert!(!accepts("github_token", &token.replace("mLq17", "mLq18")));
    }

    #[test]
    fn the_documentations_own_aws_key_is_an_example() {
        assert!(!accepts("aws_access_key_id", "AKIAIOSFODNN7EXAMPLE"));
        assert!(accepts("aws_access_key_id", &["AKIA", "Y3FDNCOXQJSB2LQM"].concat()));
        assert!(!accepts("aws_access_key_id", "AKIA1890189018901890"));
    }

    #[test]
    fn a_token_of_three_json_parts_is_a_jwt() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
        assert!(accepts("jwt", token));
        assert!(!accepts("jwt", "eyJhbGciOi.example.com") && !accepts("jwt", "a.b.c"));
    }

    #[test]
    fn placeholders_are_not_secrets() {
        for word in [
            "${PASSWORD}",
            "changeme123",
            "<your-key>",
            "xxxxxxxxxxxx",
            "EXAMPLEKEY",
            "aaaaaaaa",
            "$password",
            "get_password()",
        ] {
            assert!(!accepts("not_placeholder", word), "{word}");
        }
        assert!(accepts("not_placeholder", "q8Zr2LmP0vT"));
        assert!(accepts("entropy_3", "q8Zr2LmP0vT") && !accepts("entropy_3", "aaaaaaaabbbb"));
        assert!(accepts("url_with_password", "postgres://app:q8Zr2LmP@db.internal/orders"));
        assert!(
            !accepts("url_with_password", "https://user:password@example.com/")
                && !accepts("url_with_password", "https://example.com/a:b@c")
        );
        assert!(accepts("url_with_password", "redis://:q8Zr2LmP@cache.internal:6379/0"));
        assert!(!accepts("url_with_password", "https://:q8Zr2LmP@cache.internal/"));
    }

    #[test]
    fn a_private_key_of_wireguard_is_clamped() {
        // The example of wg(8).
        assert!(accepts(
            "wireguard_private_key",
            "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
        ));
        assert!(!accepts(
            "wireguard_private_key",
            "PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
        ));
        assert!(!accepts(
            "wireguard_private_key",
            "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBml="
        ));
    }

    #[test]
    fn of_a_line_of_netrc_the_password_is_judged() {
        assert!(accepts("last_word_secret", "machine api.example.com login ann password q8Zr2LmP"));
        assert!(!accepts("last_word_secret", "machine db login ann password changeme"));
        assert!(!accepts("last_word_secret", "machine db login ann password xxxxxx"));
    }

    #[test]
    fn only_the_assigned_value_is_judged() {
        assert!(
            accepts("assigned_secret", "password = \"q8Zr2LmP0vT!\"")
                && accepts("assigned_secret", "Passwort: Zx7!qWe92rTk")
        );
        for code in [
            "password: self.password1",
            "api_key=settings.api_key2",
            "password = \"changeme123\"",
            "password: aaaaaaa1",
            "token = get(1)x",
        ] {
            assert!(!accepts("assigned_secret", code), "{code}");
        }
    }

    #[test]
    fn a_published_bech32_address_passes() {
        assert!(accepts("bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(!accepts("bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"));
    }
}
