//! The one table of replies that are our own. Every other reply is the next hop's.
//!
//! Texts follow the product that administrators know where it has the case, otherwise RFC 5321 and RFC 3463.

use super::Reply;

macro_rules! replies {
    ($($(#[$doc:meta])* $name:ident = $code:literal ($class:literal, $subject:literal, $detail:literal) $text:literal;)*) => {
        $($(#[$doc])* pub fn $name() -> Reply { Reply::fixed($code, ($class, $subject, $detail), $text) })*

        /// Every fixed reply with its name, for tests and documentation.
        pub fn table() -> Vec<(&'static str, Reply)> {
            vec![$((stringify!($name), $name())),*]
        }
    };
}

replies! {
    /// Success of our own.
    ok = 250 (2, 0, 0) "Ok: Carry on.";
    /// What the history says of a message that an MTA asked about by milter, and keeps.
    returned_to_mta = 250 (2, 0, 0) "Returned to the MTA.";
    /// QUIT.
    closing = 221 (2, 0, 0) "Service closing.";
    /// VRFY: we do not verify (RFC 5321 3.5.3).
    cannot_verify = 252 (2, 5, 0) "Cannot VRFY user, but will take the message and attempt delivery.";
    /// HELP.
    help = 214 (2, 0, 0) "See RFC 5321.";
    /// STARTTLS accepted.
    start_tls = 220 (2, 0, 0) "Ready to start TLS.";
    /// MAIL accepted.
    sender_ok = 250 (2, 1, 0) "Sender ok.";
    /// RCPT accepted.
    recipient_ok = 250 (2, 1, 5) "Recipient ok.";
    /// A transient failure of ours; the sender's connection stays open.
    processing_error = 451 (4, 3, 0) "Error: Processing error.";
    /// A failure of ours after which both sides are closed.
    fatal_processing_error = 421 (4, 3, 0) "Fatal: Processing error. Closing connection.";
    /// The next hop cannot be reached or refuses connections.
    forwarding_unavailable = 421 (4, 4, 1) "Fatal: Forwarding agent unavailable.";
    /// The connection to the next hop was lost.
    forwarding_lost = 421 (4, 4, 2) "Fatal: Connection lost to forwarding agent.";
    /// The next hop did not answer in time.
    forwarding_timeout = 451 (4, 4, 2) "Error: Forwarding agent did not answer in time.";
    /// The next hop answered what is not SMTP, or out of order.
    forwarding_protocol = 451 (4, 4, 0) "Error: Protocol error of forwarding agent.";
    /// TLS to the next hop is required and failed.
    forwarding_tls = 451 (4, 7, 5) "Error: TLS to forwarding agent failed.";
    /// The next hop did not accept our credentials.
    forwarding_auth = 451 (4, 7, 8) "Error: Forwarding agent did not accept our credentials.";
    /// A limit on sessions or work is reached.
    busy = 451 (4, 3, 2) "Error: Server busy, try again later.";
    /// A limit on sessions is reached, said at the greeting.
    too_many_sessions = 421 (4, 3, 2) "Too many connections, try again later.";
    /// A limit on sessions from one address is reached, said at the greeting.
    too_many_from_address = 421 (4, 7, 0) "Too many connections from your address, try again later.";
    /// The peer is not among the allowed hosts, said at the greeting.
    host_not_allowed = 554 (5, 7, 1) "Access denied.";
    /// Shutting down.
    shutting_down = 421 (4, 3, 2) "Service shutting down, try again later.";
    /// The sender was silent for too long.
    timeout = 421 (4, 4, 2) "Timeout exceeded, closing connection.";
    /// A command that a bare LF ends: what follows it might be one command here and two elsewhere.
    bare_lf_in_command = 421 (4, 5, 2) "A bare line feed in a command, see RFC 5321 2.3.8; closing connection.";
    /// Too many errors in one session.
    too_many_errors = 421 (4, 7, 0) "Too many errors, closing connection.";
    /// The server is out of room for messages.
    no_room = 452 (4, 3, 1) "Insufficient system storage, try again later.";
    /// More recipients than configured (RFC 5321 4.5.3.1.10).
    too_many_recipients = 452 (4, 5, 3) "Too many recipients.";
    /// SIZE in MAIL, or the message itself, is over the limit (RFC 1870).
    message_too_big = 552 (5, 3, 4) "Message size exceeds limit.";
    /// A verb that we do not know.
    unknown_command = 500 (5, 5, 2) "Command not recognised.";
    /// A line over the limit (RFC 5321 4.5.3.1).
    line_too_long = 500 (5, 5, 6) "Line too long.";
    /// A CR, LF or control octet where none may be.
    forbidden_octet = 500 (5, 5, 2) "Control character or bare line end in a command.";
    /// A verb that we know and do not offer.
    not_implemented = 502 (5, 5, 1) "Command not implemented.";
    /// EHLO or HELO is due first.
    hello_first = 503 (5, 5, 1) "Send EHLO or HELO first.";
    /// MAIL within a transaction.
    nested_mail = 503 (5, 5, 1) "Nested MAIL command.";
    /// RCPT without MAIL.
    mail_first = 503 (5, 5, 1) "Need MAIL before RCPT.";
    /// DATA or BDAT without MAIL.
    no_transaction = 503 (5, 5, 1) "Need MAIL and RCPT first.";
    /// DATA or BDAT after every recipient was refused.
    no_recipients = 554 (5, 5, 1) "No valid recipients.";
    /// DATA after BDAT.
    data_after_bdat = 503 (5, 5, 1) "DATA cannot follow BDAT.";
    /// A command that cannot come between chunks.
    in_chunks = 503 (5, 5, 1) "Only BDAT or RSET can follow BDAT.";
    /// A chunk after one that was refused (RFC 3030 2).
    chunk_discarded = 503 (5, 5, 1) "Chunk discarded, send RSET.";
    /// STARTTLS where TLS is on already, or within a transaction.
    tls_not_now = 503 (5, 5, 1) "STARTTLS is not possible now.";
    /// TLS is not available.
    tls_unavailable = 454 (4, 7, 0) "TLS not available.";
    /// TLS is required (RFC 3207 4).
    tls_required = 530 (5, 7, 0) "Must issue a STARTTLS command first.";
    /// AUTH is never offered.
    auth_not_offered = 502 (5, 5, 1) "AUTH is not offered.";
    /// XCLIENT or XFORWARD from a host that may not.
    not_trusted = 550 (5, 7, 0) "Insufficient authorization.";
    /// XCLIENT or XFORWARD within a transaction.
    transaction_open = 503 (5, 5, 1) "Mail transaction in progress.";
    /// Octets came before their time (RFC 2920 3.1, RFC 5321 4.3.1).
    out_of_step = 503 (5, 5, 0) "Improper use of command pipelining, closing connection.";
    /// Octets came before the greeting.
    early_talker = 554 (5, 5, 0) "Talked before the greeting, closing connection.";
    /// A bare LF in the message.
    bare_lf = 554 (5, 6, 0) "Message refused: bare LF (line feed without carriage return) in it, see RFC 5321 2.3.8.";
    /// A bare CR in the message.
    bare_cr = 554 (5, 6, 0) "Message refused: bare CR (carriage return without line feed) in it, see RFC 5321 2.3.8.";
    /// A NUL in the message.
    nul = 554 (5, 6, 0) "Message refused: NUL octet in it, see RFC 5321 4.5.2.";
    /// A parameter of an extension that is not offered, or not known.
    unknown_parameter = 555 (5, 5, 4) "MAIL FROM or RCPT TO parameter not recognised or not implemented.";
    /// BODY=8BITMIME and such after HELO, SMTPUTF8 address without SMTPUTF8 (RFC 6531 3.5).
    utf8_not_allowed = 553 (5, 6, 7) "SMTPUTF8 is needed for this address.";
    /// Bad syntax of parameters.
    bad_arguments = 501 (5, 5, 4) "Syntax error in parameters or arguments.";
    /// Bad syntax of a sender path.
    bad_sender = 501 (5, 1, 7) "Bad sender address syntax.";
    /// Bad syntax of a recipient path.
    bad_recipient = 501 (5, 1, 3) "Bad recipient address syntax.";
    /// A path, domain or local part over its limit.
    path_too_long = 501 (5, 1, 7) "Address too long.";
    /// More header lines that only we may write than any honest mail has.
    too_many_forged = 554 (5, 6, 0) "Message refused: too many forged X-dlp header lines.";
    /// Loop of mail (RFC 5321 6.3).
    mail_loop = 554 (5, 4, 6) "Routing loop detected: too many Received header lines.";
}

/// Go on with the message (no enhanced code stands in a 3xx reply, RFC 2034 4).
pub fn start_mail_input() -> Reply {
    Reply { code: 354, enhanced: None, lines: vec![b"End data with <CR><LF>.<CR><LF>".as_slice().into()] }
}

/// A chunk was taken (RFC 3030 2).
pub fn chunk_taken(octets: u64) -> Reply {
    Reply::new(250, (2, 0, 0), format!("{octets} octets received"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_reply_of_ours_has_a_class_that_fits_its_code_and_fits_a_line() {
        for (name, reply) in super::table() {
            assert_eq!(u16::from(reply.enhanced.expect(name).class), reply.code / 100, "{name}");
            assert!(reply.to_bytes().len() <= 512, "{name}");
        }
    }
}
