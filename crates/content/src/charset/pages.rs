//! Single-octet code pages that browsers do not know but people still send: DOS and EBCDIC, from the public Unicode mappings.

/// A code page: what the octets from its first on mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Its number.
    number: u16,
    characters: &'static str,
}

const PAGES: &[Page] = &[
    Page { number: 437, characters: CP437 },
    Page { number: 850, characters: CP850 },
    Page { number: 852, characters: CP852 },
    Page { number: 855, characters: CP855 },
    Page { number: 857, characters: CP857 },
    Page { number: 858, characters: CP858 },
    Page { number: 860, characters: CP860 },
    Page { number: 861, characters: CP861 },
    Page { number: 862, characters: CP862 },
    Page { number: 863, characters: CP863 },
    Page { number: 864, characters: CP864 },
    Page { number: 865, characters: CP865 },
    Page { number: 866, characters: CP866 },
    Page { number: 737, characters: CP737 },
    Page { number: 775, characters: CP775 },
    Page { number: 37, characters: EBCDIC_037 },
    Page { number: 500, characters: EBCDIC_500 },
    Page { number: 1047, characters: EBCDIC_1047 },
    Page { number: 1140, characters: EBCDIC_1140 },
    Page { number: 273, characters: EBCDIC_273 },
];

/// The page that a label names: `cp850`, `IBM-1047`, `ebcdic-cp-us`.
pub(super) fn by_label(label: &str) -> Option<Page> {
    let label = label.to_ascii_lowercase();
    let number = match label.as_str() {
        "ebcdic-cp-us" | "ebcdic-cp-ca" | "ebcdic-cp-nl" | "ebcdic" | "csibm037" => 37,
        "ebcdic-cp-be" | "ebcdic-cp-ch" | "csibm500" => 500,
        "latin1-ebcdic" => 1047,
        "ebcdic-cp-de" => 273,
        "ccsid00858" | "pc-multilingual-850+euro" => 858,
        _ => {
            let digits = label.trim_start_matches(|c: char| !c.is_ascii_digit());
            let prefix = label[..label.len() - digits.len()].trim_end_matches(['-', '_', ' ']);
            if !matches!(
                prefix,
                "cp" | "ibm" | "dos" | "cspc" | "csibm" | "ccsid" | "xcp" | "x-ibm" | "oem" | ""
            ) {
                return None;
            }
            digits.parse().ok()?
        }
    };
    by_number(number)
}

pub(super) fn by_number(number: u16) -> Option<Page> {
    PAGES.iter().copied().find(|page| page.number == number)
}

impl Page {
    /// Mainframe pages have letters where ASCII has none.
    pub(super) fn is_ebcdic(self) -> bool {
        matches!(self.number, 37 | 273 | 500 | 1047 | 1140)
    }

    /// The octets of a text, in a page that begins as ASCII does; none if it has other characters.
    pub(super) fn encode(self, text: &str) -> Option<Vec<u8>> {
        let octet = |c: char| match u8::try_from(c) {
            Ok(octet @ ..0x80) => Some(octet),
            _ => u8::try_from(0x80 + self.characters.chars().position(|known| known == c)?).ok(),
        };
        text.chars().map(octet).collect()
    }

    pub(super) fn decode(self, octets: &[u8]) -> String {
        let mut table = ['\u{fffd}'; 256];
        let first = if self.is_ebcdic() { 0x40 } else { 0x80 };
        for (octet, character) in self.characters.chars().enumerate() {
            table[first + octet] = character;
        }
        let low = if self.is_ebcdic() { ebcdic_control } else { char::from };
        for (octet, character) in table.iter_mut().enumerate().take(first) {
            *character = low(octet as u8);
        }
        octets.iter().map(|octet| table[usize::from(*octet)]).collect()
    }
}

/// Line ends and tabs; other controls show nothing.
fn ebcdic_control(octet: u8) -> char {
    match octet {
        0x15 | 0x25 => '\n',
        0x0d => '\r',
        0x05 => '\t',
        _ => ' ',
    }
}

/// DOS code page 437, from 0x80.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// DOS code page 850, from 0x80.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
/// DOS code page 852, from 0x80.
const CP852: &str = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";
/// DOS code page 855, from 0x80.
const CP855: &str = "ђЂѓЃёЁєЄѕЅіІїЇјЈљЉњЊћЋќЌўЎџЏюЮъЪаАбБцЦдДеЕфФгГ«»░▒▓│┤хХиИ╣║╗╝йЙ┐└┴┬├─┼кК╚╔╩╦╠═╬¤лЛмМнНоОп┘┌█▄Пя▀ЯрРсСтТуУжЖвВьЬ№\u{ad}ыЫзЗшШэЭщЩчЧ§■\u{a0}";
/// DOS code page 857, from 0x80.
const CP857: &str = "ÇüéâäàåçêëèïîıÄÅÉæÆôöòûùİÖÜø£ØŞşáíóúñÑĞğ¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ºªÊËÈ\u{fffd}ÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµ\u{fffd}×ÚÛÙìÿ¯´\u{ad}±\u{fffd}¾¶§÷¸°¨·¹³²■\u{a0}";
/// DOS code page 858, from 0x80.
const CP858: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
/// DOS code page 860, from 0x80.
const CP860: &str = "ÇüéâãàÁçêÊèÍÔìÃÂÉÀÈôõòÚùÌÕÜ¢£Ù₧ÓáíóúñÑªº¿Ò¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// DOS code page 861, from 0x80.
const CP861: &str = "ÇüéâäàåçêëèÐðÞÄÅÉæÆôöþûÝýÖÜø£Ø₧ƒáíóúÁÍÓÚ¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// DOS code page 862, from 0x80.
const CP862: &str = "אבגדהוזחטיךכלםמןנסעףפץצקרשת¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// DOS code page 863, from 0x80.
const CP863: &str = "ÇüéâÂà¶çêëèïî‗À§ÉÈÊôËÏûù¤ÔÜ¢£ÙÛƒ¦´óú¨¸³¯Î⌐¬½¼¾«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// DOS code page 864, from 0x80.
const CP864: &str = "°·∙√▒─│┼┤┬├┴┐┌└┘β∞φ±½¼≈«»ﻷﻸ\u{fffd}\u{fffd}ﻻﻼ\u{fffd}\u{a0}\u{ad}ﺂ£¤ﺄ\u{fffd}\u{fffd}ﺎﺏﺕﺙ،ﺝﺡﺥ٠١٢٣٤٥٦٧٨٩ﻑ؛ﺱﺵﺹ؟¢ﺀﺁﺃﺅﻊﺋﺍﺑﺓﺗﺛﺟﺣﺧﺩﺫﺭﺯﺳﺷﺻﺿﻁﻅﻋﻏ¦¬÷×ﻉـﻓﻗﻛﻟﻣﻧﻫﻭﻯﻳﺽﻌﻎﻍﻡﹽّﻥﻩﻬﻰﻲﻐﻕﻵﻶﻝﻙﻱ■\u{fffd}";
/// DOS code page 865, from 0x80.
const CP865: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø₧ƒáíóúñÑªº¿⌐¬½¼¡«¤░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// DOS code page 866, from 0x80.
const CP866: &str = "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√№¤■\u{a0}";
/// DOS code page 737, from 0x80.
const CP737: &str = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρσςτυφχψ░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀ωάέήϊίόύϋώΆΈΉΊΌΎΏ±≥≤ΪΫ÷≈°∙·√ⁿ²■\u{a0}";
/// DOS code page 775, from 0x80.
const CP775: &str = "ĆüéāäģåćłēŖŗīŹÄÅÉæÆōöĢ¢ŚśÖÜø£Ø×¤ĀĪóŻżź”¦©®¬½¼Ł«»░▒▓│┤ĄČĘĖ╣║╗╝ĮŠ┐└┴┬├─┼ŲŪ╚╔╩╦╠═╬Žąčęėįšųūž┘┌█▄▌▐▀ÓßŌŃõÕµńĶķĻļņĒŅ’\u{ad}±“¾¶§÷„°∙·¹³²■\u{a0}";
/// EBCDIC 037, from 0x40.
const EBCDIC_037: &str = " \u{a0}âäàáãåçñ¢.<(+|&éêëèíîïìß!$*);¬-/ÂÄÀÁÃÅÇÑ¦,%_>?øÉÊËÈÍÎÏÌ`:#@'=\"Øabcdefghi«»ðýþ±°jklmnopqrªºæ¸Æ¤µ~stuvwxyz¡¿ÐÝÞ®^£¥·©§¶¼½¾[]¯¨´×{ABCDEFGHI\u{ad}ôöòóõ}JKLMNOPQR¹ûüùúÿ\\÷STUVWXYZ²ÔÖÒÓÕ0123456789³ÛÜÙÚ ";
/// EBCDIC 500, from 0x40.
const EBCDIC_500: &str = " \u{a0}âäàáãåçñ[.<(+!&éêëèíîïìß]$*);^-/ÂÄÀÁÃÅÇÑ¦,%_>?øÉÊËÈÍÎÏÌ`:#@'=\"Øabcdefghi«»ðýþ±°jklmnopqrªºæ¸Æ¤µ~stuvwxyz¡¿ÐÝÞ®¢£¥·©§¶¼½¾¬|¯¨´×{ABCDEFGHI\u{ad}ôöòóõ}JKLMNOPQR¹ûüùúÿ\\÷STUVWXYZ²ÔÖÒÓÕ0123456789³ÛÜÙÚ ";
/// EBCDIC 1047, from 0x40.
const EBCDIC_1047: &str = " \u{a0}âäàáãåçñ¢.<(+|&éêëèíîïìß!$*);^-/ÂÄÀÁÃÅÇÑ¦,%_>?øÉÊËÈÍÎÏÌ`:#@'=\"Øabcdefghi«»ðýþ±°jklmnopqrªºæ¸Æ¤µ~stuvwxyz¡¿Ð[Þ®¬£¥·©§¶¼½¾Ý¨¯]´×{ABCDEFGHI\u{ad}ôöòóõ}JKLMNOPQR¹ûüùúÿ\\÷STUVWXYZ²ÔÖÒÓÕ0123456789³ÛÜÙÚ ";
/// EBCDIC 1140, from 0x40.
const EBCDIC_1140: &str = " \u{a0}âäàáãåçñ¢.<(+|&éêëèíîïìß!$*);¬-/ÂÄÀÁÃÅÇÑ¦,%_>?øÉÊËÈÍÎÏÌ`:#@'=\"Øabcdefghi«»ðýþ±°jklmnopqrªºæ¸Æ€µ~stuvwxyz¡¿ÐÝÞ®^£¥·©§¶¼½¾[]¯¨´×{ABCDEFGHI\u{ad}ôöòóõ}JKLMNOPQR¹ûüùúÿ\\÷STUVWXYZ²ÔÖÒÓÕ0123456789³ÛÜÙÚ ";
/// EBCDIC 273, from 0x40.
const EBCDIC_273: &str = " \u{a0}â{àáãåçñÄ.<(+!&éêëèíîïì~Ü$*);^-/Â[ÀÁÃÅÇÑö,%_>?øÉÊËÈÍÎÏÌ`:#§'=\"Øabcdefghi«»ðýþ±°jklmnopqrªºæ¸Æ¤µßstuvwxyz¡¿ÐÝÞ®¢£¥·©@¶¼½¾¬|‾¨´×äABCDEFGHI\u{ad}ô¦òóõüJKLMNOPQR¹û}ùúÿÖ÷STUVWXYZ²Ô\\ÒÓÕ0123456789³Û]ÙÚ ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_many_spellings_find_their_page() {
        for label in ["cp850", "IBM850", "ibm-850", "DOS-850", "850", "cspc850"] {
            assert_eq!(by_label(label).map(|page| page.number), Some(850), "{label}");
        }
        assert_eq!(by_label("ebcdic-cp-us").map(|page| page.number), Some(37));
        assert_eq!(by_label("utf-850"), None);
        assert_eq!(by_label("cp99999999"), None);
    }

    #[test]
    fn every_page_has_a_character_for_every_octet() {
        for page in PAGES {
            let expected = if page.is_ebcdic() { 192 } else { 128 };
            assert_eq!(page.characters.chars().count(), expected, "{}", page.number);
            let all: Vec<u8> = (0..=255).collect();
            assert_eq!(page.decode(&all).chars().count(), 256);
        }
    }

    #[test]
    fn digits_and_letters_of_mainframes_are_read() {
        for number in [37, 273, 500, 1047, 1140] {
            let page = by_number(number).expect("known");
            assert_eq!(page.decode(b"\xc1\x82\x40\xf4\xf1\x15"), "Ab 41\n");
        }
        assert_eq!(by_number(437).expect("known").decode(b"Stra\xe1e \x9b"), "Straße ¢");
    }
}
