//! Mails for tests, and reading what became of them.

/// A short clean mail; `what` tells it from others.
pub fn clean(what: &str) -> Vec<u8> {
    mail(what, "Lunch at noon? The new place on the corner has soup.\r\n")
}

/// A mail that the policy "Card numbers" of `tests/policies` marks (Email Quarantine Connect).
pub fn with_card_number(what: &str) -> Vec<u8> {
    mail(what, "Please charge my credit card 4111 1111 1111 1111, valid through 12/29.\r\n")
}

/// A mail that the policy "Blocked words" of `tests/policies` blocks.
pub fn blocked(what: &str) -> Vec<u8> {
    mail(what, "Attached is the blueprint of project Nightjar, keep it to yourself.\r\n")
}

/// A mail that the policy "Redirected words" of `tests/policies` sends to somebody else.
pub fn redirected(what: &str) -> Vec<u8> {
    mail(what, "These are the minutes of the Wagtail committee.\r\n")
}

/// A mail whose subject the policy "Tagged words" tags.
pub fn tagged(what: &str) -> Vec<u8> {
    mail(what, "Here are the Sandpiper minutes of last week.\r\n")
}

/// A mail that the policy "Copied words" sends to one recipient more.
pub fn copied(what: &str) -> Vec<u8> {
    mail(what, "The Curlew contract is signed.\r\n")
}

/// A mail that violates "Tried words", a policy in trial that would block.
pub fn tried(what: &str) -> Vec<u8> {
    mail(what, "The Dunlin budget is out.\r\n")
}

/// A mail that violates two policies with Email Quarantine Connect, 23 and 7.
pub fn doubly_marked(what: &str) -> Vec<u8> {
    mail(what, "The Avocet list: card 4111 1111 1111 1111.\r\n")
}

/// A plain mail with this body (CRLF line ends are the caller's).
pub fn mail(what: &str, body: &str) -> Vec<u8> {
    format!(
        "Date: Tue, 24 Nov 2026 09:00:00 +0000\r\nFrom: Ann <ann@corp.example>\r\nTo: Bob <bob@other.example>\r\n\
         Subject: {what}\r\nMessage-ID: <{}@corp.example>\r\n\r\n{body}",
        what.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    )
    .into_bytes()
}

/// A mail whose body is of this type; lines behind the type are more of the header.
pub fn typed(what: &str, kind: &str, body: &str) -> Vec<u8> {
    let mail = String::from_utf8_lossy(&mail(what, body)).into_owned();
    mail.replacen("\r\n\r\n", &format!("\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n"), 1)
        .into_bytes()
}

/// A mail of about this many octets: lines of varied length, some of them with a leading dot.
pub fn large(what: &str, octets: usize) -> Vec<u8> {
    let mut message = mail(what, "");
    let mut line = 0_usize;
    while message.len() < octets {
        line += 1;
        if line.is_multiple_of(7) {
            message.push(b'.');
        }
        message.extend(format!("{line:08} ").repeat(line % 9 + 1).into_bytes());
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// Values of the header fields with this name, in order, unfolded, without surrounding blanks.
pub fn header(message: &[u8], name: &str) -> Vec<String> {
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let head = String::from_utf8_lossy(&message[..end]).replace("\r\n ", " ").replace("\r\n\t", " ");
    let fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let named = fields.filter(|(field, _)| field.trim().eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim().to_owned()).collect()
}

/// True for an upper-case UUID, the form of `X-dlp-uniquemsgid`.
pub fn is_upper_case_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let digits = |group: &&str| group.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(digits)
}
