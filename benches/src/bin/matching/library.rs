//! Patterns like those of a policy library.

use std::collections::HashSet;
use std::sync::Arc;

use policy::matcher::{Pattern, ValidatorFn};
use policy::validators;

use crate::texts::{COMMON, RARER, Random, word};

/// Shapes and their validators; the first 25 are those of a first library.
const IDENTIFIERS: &[(&str, &str)] = &[
    (r"\d{4}~\d{4}~\d{4}~\d{4}", "payment_card"),
    (r"3[47]\d{2}~\d{6}~\d{5}", "card_amex"),
    (r"(?i)[A-Z]{2}\d{2}(?:~[A-Z0-9]{4}){2,7}(?:~[A-Z0-9]{1,4})?", "iban"),
    (r"\d{3}~\d{2}~\d{4}", "us_ssn"),
    (r"9\d{2}~\d{2}~\d{4}", "us_itin"),
    (r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]~\d{2}~\d{2}~\d{2}~[A-D]", "gb_nino"),
    (r"\d{3}~\d{3}~\d{4}", "gb_nhs"),
    (r"\d{2}~\d{3}~\d{3}~\d{3}", "de_idnr"),
    (r"[12]~\d{2}~\d{2}~\d{2}~\d{3}~\d{3}~\d{2}", "fr_nir"),
    (r"(?i)[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", "it_codice_fiscale"),
    (r"(?i)\d{8}~[A-Z]", "es_dni"),
    (r"(?i)[XYZ]~\d{7}~[A-Z]", "es_nie"),
    (r"\d{9}", "nl_bsn"),
    (r"\d{11}", "pl_pesel"),
    (r"\d{6}[-+ ]?\d{4}", "se_personnummer"),
    (r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", "br_cpf"),
    (r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}", "br_cnpj"),
    (r"\d{3}~\d{3}~\d{3}", "ca_sin"),
    (r"\d{4}~\d{4}~\d{4}", "in_aadhaar"),
    (r"(?i)[A-Z]{5}\d{4}[A-Z]", "in_pan"),
    (r"\d{17}[\dXx]", "cn_ric"),
    (r"\d{4}~\d{4}~\d{4}", "jp_my_number"),
    (r"\d{3}~\d{3}~\d{3}", "au_tfn"),
    (r"(?:AKIA|ASIA)[0-9A-Z]{16}", "aws_access_key_id"),
    (r"gh[pousr]_[A-Za-z0-9]{36,}", "github_token"),
    (r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}", "jwt"),
    (r"npm_[A-Za-z0-9]{36}", "npm_token"),
    (r"\d{9}", "aba_routing"),
    (r"\d{11}", "tr_tckn"),
    (r"\d{10}", "pl_nip"),
    (r"\d{3}~\d{3}~\d{2}~\d{2}", "pl_nip"),
    (r"\d{6}[- ]?\d{7}", "kr_rrn"),
    (r"\d{3}-?\d{2}-?\d{5}", "kr_brn"),
    (r"756~\d{4}~\d{4}~\d{2}", "ch_ahv"),
    (r"(?i)CHE~\d{3}~\d{3}~\d{3}", "ch_uid"),
    (r"\d{4} ?\d{6}", "at_svnr"),
    (r"\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}", "be_nn"),
    (r"(?i)BE~0?\d{3}~\d{3}~\d{3}", "be_vat"),
    (r"\d{6}[-+A]\d{3}[0-9A-Y]", "fi_hetu"),
    (r"\d{7}-\d", "fi_ytunnus"),
    (r"\d{6}-?\d{4}", "dk_cpr"),
    (r"\d{6} ?\d{5}", "no_fodselsnummer"),
    (r"\d{6}-?\d{4}", "is_kennitala"),
    (r"\d{6}/?\d{3,4}", "cz_rc"),
    (r"\d{6}/?\d{3,4}", "sk_rc"),
    (r"\d{3}~\d{3}~\d{3}", "hu_taj"),
    (r"\d{13}", "ro_cnp"),
    (r"\d{10}", "bg_egn"),
    (r"\d{11}", "ee_ik"),
    (r"\d{11}", "lt_asmens"),
    (r"\d{6}-?\d{5}", "lv_pk"),
    (r"\d{11}", "gr_amka"),
    (r"\d{9}", "gr_afm"),
    (r"\d{9}", "pt_nif"),
    (r"\d{11}", "hr_oib"),
    (r"\d{13}", "jmbg"),
    (r"\d{7}[A-W][A-IW]?", "ie_pps"),
    (r"\d{13}", "lu_matricule"),
    (r"\d{10}|\d{12}", "ru_inn"),
    (r"\d{3}-\d{3}-\d{3} \d{2}", "ru_snils"),
    (r"\d{10}", "ua_rntrc"),
    (r"\d{12}", "kz_iin"),
    (r"\d{9}", "il_id"),
    (r"784~\d{4}~\d{7}~\d", "ae_id"),
    (r"[12]\d{9}", "sa_id"),
    (r"\d{14}", "eg_nid"),
    (r"\d{13}", "za_id"),
    (r"\d{11}", "ar_cuit"),
    (r"\d{2}-\d{8}-\d", "ar_cuit"),
    (r"\d{22}", "ar_cbu"),
    (r"\d{1,2}\.?\d{3}\.?\d{3}-?[\dkK]", "cl_rut"),
    (r"\d{9}-?\d", "co_nit"),
    (r"[A-Z&]{3,4}\d{6}[A-Z0-9]{3}", "mx_rfc"),
    (r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d", "mx_curp"),
    (r"\d{18}", "mx_clabe"),
    (r"\d{11}", "pe_ruc"),
    (r"\d{10}", "ec_ci"),
    (r"\d\.?\d{3}\.?\d{3}-?\d", "uy_ci"),
    (r"\d{12}", "uy_rut"),
    (r"[VEJPG]-?\d{8}-?\d", "ve_rif"),
    (r"\d{3}-?\d{7}-?\d", "do_cedula"),
    (r"\d{2}~\d{3}~\d{3}~\d{3}", "au_abn"),
    (r"\d{4}~\d{5}~\d", "au_medicare"),
    (r"\d{2,3}-?\d{3}-?\d{3}", "nz_ird"),
    (r"[A-Z]{3}\d{4}", "nz_nhi"),
    (r"[STFGM]\d{7}[A-Z]", "sg_nric"),
    (r"\d{6}-?\d{2}-?\d{4}", "my_nric"),
    (r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", "th_pin"),
    (r"[A-Z]\d{9}", "tw_id"),
    (r"[A-Z]{1,2}\d{6}\(?[0-9A]\)?", "hk_hkid"),
    (r"\d{16}", "id_nik"),
    (r"\d{12}", "vn_cccd"),
    (r"\d{9}[VX]", "lk_nic"),
    (r"\d{2}[A-Z]{5}\d{4}[A-Z]\d[A-Z0-9]{2}", "in_gstin"),
    (r"[A-Z]{4}0[A-Z0-9]{6}", "in_ifsc"),
    (r"[A-Z]{2}\d{7}", "us_dea"),
    (r"[12]\d{9}", "us_npi"),
    (r"[1-9][A-Z][A-Z0-9]\d-?[A-Z][A-Z0-9]\d-?[A-Z]{2}\d{2}", "us_mbi"),
    (r"\d{2}-\d{7}", "us_ein"),
    (r"[A-Z]{2}[A-Z0-9]{9}\d", "isin"),
    (r"[0-9A-Z]{9}", "cusip"),
    (r"[0-9BCDFGHJKLMNPQRSTVWXYZ]{6}\d", "sedol"),
    (r"[0-9A-Z]{18}\d{2}", "lei"),
    (r"\d{2}~\d{6}~\d{6}~\d", "imei"),
    (r"89\d{16,18}", "iccid"),
    (r"[A-HJ-NPR-Z0-9]{17}", "vin"),
    (r"(?i)(?:[0-9A-F]{2}[:-]){5}[0-9A-F]{2}", "mac_address"),
    (r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", "swift_bic"),
    (r"\d{20}", "es_ccc"),
    (r"\d{12}", "es_nss"),
    (r"\d{9}", "fr_siren"),
    (r"\d{3}~\d{3}~\d{3}~\d{5}", "fr_siret"),
    (r"(?i)FR~[0-9A-Z]{2}~\d{9}", "fr_tva"),
    (r"(?i)DE~\d{9}", "de_vat"),
    (r"\d{8}[A-Z]\d{3}", "de_rvnr"),
    (r"[A-Z]\d{9}", "de_kvnr"),
    (r"\d{11}", "it_iva"),
    (r"(?i)NL~\d{9}B\d{2}", "nl_btw"),
    (r"[A-Z]{3}\d{6}", "pl_id_card"),
    (r"\d{10}", "se_orgnr"),
    (r"\d{13}", "th_pin"),
    (r"\d{8}", "tw_ubn"),
];

/// That many identifiers.
pub(crate) fn identifiers(count: usize) -> Vec<Pattern> {
    IDENTIFIERS.iter().take(count).map(|(shape, name)| identifier(shape, name)).collect()
}

fn identifier(shape: &str, name: &str) -> Pattern {
    let validator = validators::validator(name);
    assert!(validator.is_some(), "no validator {name}");
    let validate = validator.map(|v| Arc::new(move |text: &str| v.accepts(text)) as ValidatorFn);
    Pattern::Identifier { patterns: vec![shape.into()], validate }
}

/// Words and phrases, half of the phrases with a common first word; hardly any stands in the prose.
pub(crate) fn phrases(count: usize) -> Vec<String> {
    let mut random = Random::new(9);
    let prose: HashSet<String> = (0..RARER).map(word).collect();
    let rare = |random: &mut Random| loop {
        let word = word(1_000_000 + random.below(900_000));
        if !prose.contains(&word) && !COMMON.contains(&word.as_str()) {
            return word;
        }
    };
    let mut phrase = |index: usize| match index % 4 {
        0 | 1 => rare(&mut random),
        2 => format!("{} {}", COMMON[random.below(COMMON.len())], rare(&mut random)),
        _ => format!("{} {} {}", rare(&mut random), COMMON[random.below(COMMON.len())], rare(&mut random)),
    };
    (0..count).map(&mut phrase).collect()
}

/// Whole-word keywords in any case.
pub(crate) fn keywords(count: usize) -> Vec<Pattern> {
    let keyword = |text| Pattern::Keyword { text, case_sensitive: false, whole_word: true };
    phrases(count).into_iter().map(keyword).collect()
}

/// The same anywhere.
pub(crate) fn pieces(count: usize) -> Vec<Pattern> {
    let keyword = |text| Pattern::Keyword { text, case_sensitive: false, whole_word: false };
    phrases(count).into_iter().map(keyword).collect()
}

/// Regular expressions of the kinds that policies hold.
pub(crate) fn regexes() -> Vec<Pattern> {
    let all = [
        r"(?i)passw(?:or)?d\s*[:=]\s*\S{6,40}",
        r"(?i)api[_-]?key\s*[:=]\s*[A-Za-z0-9_-]{16,64}",
        r"-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----",
        r"xox[baprs]-[A-Za-z0-9-]{10,72}",
        r"(?i)\bproject[ -]+(?:falcon|osprey|kestrel)\b",
        r"sk_live_[A-Za-z0-9]{24,}",
        r"AIza[0-9A-Za-z_-]{35}",
        r"(?i)jdbc:[a-z]+://[^\s:]+:[^\s@]+@\S+",
        r"SG\.[\w-]{22}\.[\w-]{43}",
        r"(?i)internal use only",
        r"\b[\w.+-]+@secret\.example\b",
        r"(?i)patient\s+(?:id|no|number)\W{1,3}\d{5,10}",
        r"(?i)do not (?:distribute|forward|copy)",
        r"(?i)draft\s+of\s+\d{1,2}\s+\w+\s+20\d\d",
        r"(?i)offer\s+price\s*[:=]?\s*[$€£]\s*\d[\d.,]*",
        r"glpat-[\w-]{20}",
        r"(?i)attorney[ -]client",
        r"dop_v1_[a-f0-9]{64}",
        r"(?i)board\s+(?:minutes|resolution)\b",
        r"hooks\.slack\.com/services/T\w+/B\w+/\w+",
    ];
    let regex = |pattern: &str| Pattern::Regex { pattern: pattern.into(), case_insensitive: false };
    all.into_iter().map(regex).collect()
}

/// Identifiers, keywords and, with many identifiers, the regular expressions.
pub(crate) fn whole(count: usize, words: usize) -> Vec<Pattern> {
    let mut all = identifiers(count);
    all.extend(keywords(words));
    if count > 25 {
        all.extend(regexes());
    }
    all
}

/// The patterns of a number of policies, each with its own.
pub(crate) fn of_policies(count: usize) -> Vec<Pattern> {
    let mut all = Vec::new();
    for (index, words) in keywords(count * 2).chunks(2).enumerate() {
        all.extend_from_slice(words);
        if index % 10 == 0 {
            let (shape, name) = IDENTIFIERS[index / 10 % IDENTIFIERS.len()];
            all.push(identifier(shape, name));
        }
        if index % 50 == 0 {
            let pattern = format!(r"(?i){}\s*[:=]\s*\w{{4,}}", word(5_000_000 + index));
            all.push(Pattern::Regex { pattern, case_insensitive: false });
        }
    }
    all
}

/// The shapes as plain regular expressions, for engines that have no separators and boundaries of their own.
pub(crate) fn expressions(count: usize) -> Vec<String> {
    let separator = r"(?:[ \t]{1,2}|[ \t]?[-.][ \t]?)?";
    let plain = |(shape, _): &(&str, &str)| {
        let (flags, shape) = shape.strip_prefix("(?i)").map_or(("", *shape), |rest| ("(?i)", rest));
        format!(r"(?-u){flags}\b(?:{})\b", shape.replace('~', separator))
    };
    IDENTIFIERS.iter().take(count).map(plain).collect()
}
