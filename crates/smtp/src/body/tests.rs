use proptest::prelude::*;

use super::*;

const RULES: [LineEndRule; 3] = [LineEndRule::Refuse, LineEndRule::Repair, LineEndRule::Pass];

/// What a decoder gives: message, what follows its end (or nothing if it did not end), repairs, refusal.
type Decoded = (Vec<u8>, Option<Vec<u8>>, Repairs, Option<BadOctet>);

fn fast(chunks: &[&[u8]], framing: Framing, rules: LineEnds) -> Decoded {
    let mut decoder = Decoder::new(framing, rules);
    let (mut buffer, mut decoded) = (Vec::new(), 0);
    for (index, chunk) in chunks.iter().enumerate() {
        buffer.extend_from_slice(chunk);
        let (now, ended) = decoder.feed(&mut buffer, decoded);
        decoded = now;
        if ended {
            let mut rest = buffer.split_off(decoded);
            chunks[index + 1..].iter().for_each(|chunk| rest.extend_from_slice(chunk));
            return (buffer, Some(rest), decoder.repairs, decoder.refused);
        }
        assert!(buffer.len() - decoded <= 3);
    }
    if framing == Framing::Counted {
        decoder.finish(&mut buffer, decoded);
    } else {
        buffer.truncate(decoded);
    }
    (buffer, None, decoder.repairs, decoder.refused)
}

/// The slow, obvious twin: the whole wire at once, octet by octet.
fn slow(wire: &[u8], framing: Framing, rules: LineEnds) -> Decoded {
    let (mut out, mut repairs, mut refused) = (Vec::new(), Repairs::default(), None);
    let (mut at, mut line_start) = (0, true);
    while at < wire.len() {
        let rest = &wire[at..];
        if framing == Framing::Dots && line_start && rest.starts_with(b".") {
            if rest.starts_with(b".\r\n") {
                return (out, Some(rest[3..].to_vec()), repairs, refused);
            }
            if rest.len() == 1 || rest == b".\r" {
                break;
            }
            line_start = false;
            at += 1;
            continue;
        }
        if rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            line_start = true;
            at += 2;
            continue;
        }
        if framing == Framing::Dots && rest == b"\r" {
            break;
        }
        line_start = false;
        let bad = match rest[0] {
            b'\r' => Some((rules.bare_cr, BadOctet::BareCr, &b"\r\n"[..], &mut repairs.bare_cr)),
            b'\n' => Some((rules.bare_lf, BadOctet::BareLf, &b"\r\n"[..], &mut repairs.bare_lf)),
            0 => Some((rules.nul, BadOctet::Nul, &b""[..], &mut repairs.nul)),
            _ => None,
        };
        match bad {
            None => out.push(rest[0]),
            Some((rule, what, repaired, count)) => {
                *count += 1;
                match rule {
                    LineEndRule::Repair => out.extend_from_slice(repaired),
                    LineEndRule::Pass => out.push(rest[0]),
                    LineEndRule::Refuse => {
                        refused.get_or_insert(what);
                        out.push(rest[0]);
                    }
                }
            }
        }
        at += 1;
    }
    (out, None, repairs, refused)
}

fn rules() -> impl Strategy<Value = LineEnds> {
    (0usize..3, 0usize..3, 0usize..3).prop_map(|(lf, cr, nul)| LineEnds {
        bare_lf: RULES[lf],
        bare_cr: RULES[cr],
        nul: RULES[nul],
    })
}

/// Wires made of what matters: dots, line ends and halves of them.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"\r\n"[..]), 2 => Just(&b"."[..]), 1 => Just(&b"\r"[..]), 1 => Just(&b"\n"[..]),
        1 => Just(&b"\0"[..]), 3 => Just(&b"word"[..]), 1 => Just(&b"\r\n.\r\n"[..]), 1 => Just(&b"\r\n.."[..]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cutting_of_the_stream_gives_what_the_obvious_decoder_gives(
        wire in wire(), cuts in prop::collection::vec(1usize..7, 0..60), rules in rules(), counted: bool,
    ) {
        let framing = if counted { Framing::Counted } else { Framing::Dots };
        let (mut chunks, mut rest) = (Vec::new(), &wire[..]);
        for cut in cuts {
            let (chunk, left) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = left;
        }
        chunks.push(rest);
        prop_assert_eq!(fast(&chunks, framing, rules), slow(&wire, framing, rules));
    }
}

fn dots(wire: &[u8]) -> Decoded {
    fast(&[wire], Framing::Dots, LineEnds::default())
}

#[test]
fn dot_stuffing_is_removed_and_the_end_is_found() {
    let (message, rest, ..) = dots(b".\r\nQUIT\r\n");
    assert_eq!((&message[..], rest.as_deref()), (&b""[..], Some(&b"QUIT\r\n"[..])));
    let (message, rest, ..) = dots(b"a\r\n..b\r\n.c\r\n...\r\n.\r\n");
    assert_eq!((&message[..], rest.as_deref()), (&b"a\r\n.b\r\nc\r\n..\r\n"[..], Some(&b""[..])));
}

#[test]
fn nothing_but_crlf_dot_crlf_ends_a_message() {
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r\n.\r",
        "\r.\r\n",
        "\r\n.\r\r\n",
        "\r\n.\0\r\n",
        "\r\n\0.\r\n",
        "\n\n.\r\n",
    ] {
        let wire = format!("a{end}MAIL FROM:<b@c>\r\n");
        let (_, rest, _, refused) = dots(wire.as_bytes());
        assert_eq!(rest, None, "{end:?}");
        assert!(refused.is_some(), "{end:?}");
    }
}
