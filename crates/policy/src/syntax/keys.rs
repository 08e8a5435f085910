//! The language in one table: which keys each kind of table has, what they hold, what they are for. The reader refuses
//! what is not in it, and the JSON Schema for editors is made from it.

/// A kind of table.
pub(crate) struct Kind {
    /// In messages: `a rule`.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static [Key]],
}

impl Kind {
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|keys| keys.iter())
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

/// A key of a table.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// A string that is not empty.
    Text,
    /// A string that may be empty.
    AnyText,
    /// One string or a list of strings, none empty.
    Texts,
    /// One string of these.
    Word(fn() -> Vec<&'static str>),
    /// One string of these or a list of them.
    Words(fn() -> Vec<&'static str>),
    /// A whole number.
    Integer(u64, u64),
    /// `true` or `false`.
    Flag,
    /// A date.
    Date,
    /// A date with or without a time.
    DateTime,
    /// A number, or a comparison such as `">= 10 MB"`.
    Amount,
    /// A table.
    Table(&'static Kind),
    /// A list of tables, or one table.
    Tables(&'static Kind),
    /// A table of strings by free names.
    Names,
    /// A list of numbers and strings.
    NumbersOrTexts,
    /// A list of strings and tables of a kind.
    TextsOrTables(&'static Kind),
    /// A list of lists of strings.
    Groups,
    /// A number from 0 to 1.
    Share,
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, required: false, about }
}

const fn must(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, required: true, about }
}

use Shape::*;

fn severities() -> Vec<&'static str> {
    crate::Severity::ALL.map(crate::Severity::as_str).to_vec()
}

fn directions() -> Vec<&'static str> {
    crate::Direction::ALL.map(crate::Direction::as_str).to_vec()
}

fn modes() -> Vec<&'static str> {
    vec!["on", "trial", "off"]
}

fn breadths() -> Vec<&'static str> {
    vec!["wide", "medium", "narrow"]
}

fn cases() -> Vec<&'static str> {
    vec!["any", "exact"]
}

fn counts() -> Vec<&'static str> {
    vec!["all", "unique"]
}

fn scopes() -> Vec<&'static str> {
    vec!["message", "component"]
}

fn excerpts() -> Vec<&'static str> {
    vec!["any", "exact", "partial"]
}

fn weekdays() -> Vec<&'static str> {
    vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
}

fn boundaries() -> Vec<&'static str> {
    vec!["word", "digits", "apart", "open"]
}

fn levels() -> Vec<&'static str> {
    vec!["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"]
}

pub(crate) static POLICY: Kind = Kind {
    name: "a policy",
    keys: &[&[
        must(
            "id",
            Integer(1, u32::MAX as u64),
            "Number of the policy, as in X-dlp-policyid. Unique, never reused.",
        ),
        must("name", Text, "Name of the policy, for people."),
        key("description", AnyText, "What the policy is for."),
        key("source", Texts, "Laws, standards or issuers that it comes from."),
        key("family", Text, "Free text for grouping."),
        key("mode", Word(modes), "Whether the policy acts: on, trial (records only), off. Default: trial."),
        key("severity", Word(severities), "Severity of rules that name none. Default: medium."),
        key("respond", Texts, "Names of response rules."),
        must("rule", Tables(&RULE), "The policy is violated when one of its rules matches."),
        key("exception", Tables(&EXCEPTION), "What is excepted."),
    ]],
};

pub(crate) static RULE: Kind = Kind {
    name: "a rule",
    keys: &[
        &[
            must("name", Text, "Name of the rule, for people."),
            key(
                "per",
                Word(scopes),
                "Whether all of the rule must hold within one component. Default: message.",
            ),
            key("severity", Word(severities), "Severity when the rule matches. Default: the policy's."),
            key("tiers", Tables(&TIER), "Severities by the rule's count."),
        ],
        CONDITION_KEYS,
    ],
};

pub(crate) static TIER: Kind = Kind {
    name: "a tier",
    keys: &[&[
        must("at_least", Integer(1, u64::MAX), "The rule's count from which on it applies."),
        must("severity", Word(severities), "The severity."),
    ]],
};

pub(crate) static EXCEPTION: Kind = Kind {
    name: "an exception",
    keys: &[
        &[
            key("name", Text, "Name of the exception, for people."),
            key("rules", Texts, "Names of the rules that it is for. Default: all."),
            key(
                "covers",
                Word(scopes),
                "component: matches in components where it holds; message: the whole mail.",
            ),
            key("until", Date, "Last day on which it holds."),
        ],
        CONDITION_KEYS,
    ],
};

pub(crate) static CONDITION: Kind = Kind { name: "a condition", keys: &[CONDITION_KEYS] };

static CONDITION_KEYS: &[Key] = &[
    key("keywords", Texts, "Words or phrases; * at either end of a word, or for one whole word."),
    key("dictionary", Text, "Name of a dictionary."),
    key("dictionaries", Texts, "Names of dictionaries, counted together."),
    key("regex", Text, "A regular expression."),
    key("regexes", Texts, "Regular expressions, counted together."),
    key("identifier", Text, "Name of a data identifier."),
    key("identifiers", Texts, "Names of data identifiers, counted together."),
    key("exact", Text, "Name of an index of exact data: rows of a table."),
    key("documents", Text, "Name of an index of documents."),
    key("learned", Text, "Name of a learned policy."),
    key("file_type", Texts, "Kinds of files by signature, or classes such as archive."),
    key("file_name", Texts, "File names; * and ? stand for any characters."),
    key("file_size", Amount, "Size of a file, such as \">= 10 MB\"."),
    key("attachment_count", Amount, "Number of files attached to the mail, such as \">= 5\"."),
    key("message_size", Amount, "Size of the mail, such as \"> 25 MB\"."),
    key("encrypted", Flag, "true: a file is encrypted, and no word of the mail opens it."),
    key("unscannable", Texts, "Reasons why something could not be inspected, or any."),
    key("ambiguous", Texts, "Ways in which the mail can be read in two ways, or any."),
    key("sender", Texts, "Address patterns of the envelope sender."),
    key("recipient", Texts, "Address patterns of envelope recipients."),
    key("header", Text, "Name of a header of the mail."),
    key("time_of_day", Text, "When it is sent: \"22:00-06:00\"."),
    key("weekday", Words(weekdays), "On which days it is sent."),
    key("direction", Words(directions), "Where it goes, seen from internal_domains."),
    key("all", Tables(&CONDITION), "All of these must hold."),
    key("any", Tables(&CONDITION), "At least one of these must hold."),
    key("none", Tables(&CONDITION), "None of these may hold."),
    key(
        "at_least",
        Integer(1, u64::MAX),
        "How many matches, files, findings or recipients it takes. Default: 1.",
    ),
    key("count", Word(counts), "all: every match; unique: equal values once. Default: all."),
    key("where", Texts, "subject, body, attachments, headers, \"header:NAME\", envelope."),
    key("counts", Flag, "false: must hold, but does not add to the rule's count. Default: true."),
    key("case", Word(cases), "any: upper and lower case are the same; exact: they differ."),
    key("whole_words", Flag, "Whether keywords must be whole words. Default: true."),
    key("near", Table(&NEAR), "Only matches with one of these words near by."),
    key("breadth", Word(breadths), "Breadth of the identifier."),
    key("exclude", Texts, "Values (letters and digits) that do not count."),
    key("exclude_prefix", Texts, "Beginnings of values that do not count."),
    key("exclude_suffix", Texts, "Ends of values that do not count."),
    key(
        "columns",
        Integer(1, 16),
        "How many different columns of one row must be found. Default: 2, or 1 of a single column.",
    ),
    key("of", Texts, "Columns that count. Default: all."),
    key("require", Texts, "Columns that must be among them."),
    key("except", Groups, "Combinations of columns that do not suffice: [[\"first_name\", \"last_name\"]]."),
    key("within", Integer(0, 10_000), "At most so many words between the values of a row. Default: 40."),
    key("match", Word(excerpts), "Whole documents (exact), excerpts (partial) or both. Default: any."),
    key("percent", Integer(1, 100), "How much of the document must be found."),
    key("score", Share, "From which score on a text counts, 0 to 1. Default: as it was learned."),
    key(
        "all_recipients",
        Flag,
        "true: every recipient must match. Default: false in rules, true in exceptions.",
    ),
    key("present", Flag, "Whether the header is there."),
    key("equals", Texts, "Values of the header, any case."),
    key("contains", Texts, "Keywords in the header."),
    key("matches", Text, "Regular expression for the header, any case."),
    key("zone", Text, "Time zone, such as Europe/Berlin. Default: the settings' zone."),
];

pub(crate) static NEAR: Kind = Kind {
    name: "near",
    keys: &[&[
        key("keywords", Texts, "Words or phrases that must be near."),
        key("dictionary", Text, "Name of a dictionary."),
        key("dictionaries", Texts, "Names of dictionaries."),
        key("regex", Text, "A regular expression."),
        key("within", Integer(0, 10_000), "At most so many words between. Default: 10."),
        key("case", Word(cases), "any or exact. Default: any."),
        key("whole_words", Flag, "Default: true."),
        key("only", Flag, "true: instead of the words that the identifier's breadth brings along."),
    ]],
};

pub(crate) static IDENTIFIER: Kind = Kind {
    name: "an identifier",
    keys: &[&[
        must("name", Text, "Name for people."),
        key("description", AnyText, "What it is."),
        key("source", Texts, "Where the format is laid down."),
        key("region", Text, "Free text, such as US."),
        key("default", Word(breadths), "Breadth used where a condition names none. Default: medium."),
        key("wide", Table(&BREADTH), "Finds most."),
        key("medium", Table(&BREADTH), "The usual balance."),
        key("narrow", Table(&BREADTH), "Finds what is certain."),
    ]],
};

pub(crate) static BREADTH: Kind = Kind {
    name: "a breadth",
    keys: &[
        GROUP_KEYS,
        &[
            key(
                "like",
                Word(breadths),
                "Takes over the keys of that breadth; keys written here replace them.",
            ),
            key("near", Table(&NEAR), "Only hits with one of these words near by."),
            key(
                "group",
                Tables(&GROUP),
                "Several groups of patterns and validators; a hit of any group is a hit.",
            ),
        ],
    ],
};

pub(crate) static GROUP: Kind = Kind { name: "a group of patterns", keys: &[GROUP_KEYS] };

static GROUP_KEYS: &[Key] = &[
    key("patterns", TextsOrTables(&PATTERN), "Shapes of candidates."),
    key("validators", Texts, "Checks that must all accept."),
    key("exclude", Texts, "Values (letters and digits) that are never hits."),
    key("exclude_prefix", Texts, "Beginnings of values that are never hits."),
    key("exclude_suffix", Texts, "Ends of values that are never hits."),
];

pub(crate) static PATTERN: Kind = Kind {
    name: "a pattern",
    keys: &[&[
        must("shape", Text, "The shape."),
        key("boundary", Word(boundaries), "What may not touch it. Default: word."),
    ]],
};

pub(crate) static DICTIONARY: Kind = Kind {
    name: "a dictionary",
    keys: &[&[
        must("name", Text, "Name for people."),
        key("description", AnyText, "What it is."),
        key("source", Texts, "Where the words come from."),
        key("language", Texts, "Language tags, such as en."),
        key("case", Word(cases), "any or exact. Default: any."),
        key("whole_words", Flag, "Default: true."),
        must("words", Texts, "Words or phrases."),
    ]],
};

pub(crate) static RESPONSE: Kind = Kind {
    name: "a response rule",
    keys: &[&[
        must("name", Text, "Name by which policies call it."),
        key("description", AnyText, "What it does."),
        key("when", Table(&WHEN), "It acts only when all of these hold."),
        key("modify", Table(&MODIFY), "Changes the mail."),
        key("block", Table(&BLOCK), "Refuses the mail."),
        key("redirect", Table(&RECIPIENTS), "Sends the mail to others instead."),
        key("copy", Table(&RECIPIENTS), "Sends the mail to others as well."),
        key("notify", Tables(&NOTIFY), "Sends notices."),
        key("syslog", Tables(&SYSLOG), "Logs to a syslog server."),
        key("set_status", Text, "Sets the incident's status."),
        key("set_attribute", Names, "Sets attributes of the incident."),
        key("limit_retention", Table(&RETENTION), "Limits what is kept of the mail."),
    ]],
};

pub(crate) static WHEN: Kind = Kind {
    name: "when",
    keys: &[&[
        key("severity", Words(severities), "The violation's severity is one of these."),
        key("not_severity", Words(severities), "It is none of these."),
        key("match_count", Amount, "The violation's match count."),
        key("protocol", Words(|| vec!["smtp"]), "The protocol is one of these."),
        key("not_protocol", Words(|| vec!["smtp"]), "It is none of these."),
        key("direction", Words(directions), "The direction is one of these."),
        key("not_direction", Words(directions), "It is none of these."),
        key("policy", NumbersOrTexts, "The policy is one of these, by number or name."),
        key("not_policy", NumbersOrTexts, "It is none of these."),
        key("recipient", Texts, "A recipient matches one of these address patterns."),
        key("not_recipient", Texts, "No recipient matches one of these."),
    ]],
};

pub(crate) static MODIFY: Kind = Kind {
    name: "modify",
    keys: &[&[
        key("email_quarantine_connect", Flag, "Adds X-dlp-uniquemsgid and X-dlp-policyid."),
        key("headers", Texts, "Header lines to add: \"Name: value\"."),
        key("subject_prefix", AnyText, "Put before the subject."),
        key("subject_suffix", AnyText, "Put behind the subject."),
    ]],
};

pub(crate) static BLOCK: Kind = Kind {
    name: "block",
    keys: &[&[
        must("text", Text, "What the sender is told."),
        key("code", Integer(500, 599), "Reply code. Default: 550."),
        key("enhanced", Text, "Enhanced status code. Default: 5.7.1."),
    ]],
};

pub(crate) static RECIPIENTS: Kind = Kind { name: "recipients", keys: &[&[must("to", Texts, "Addresses.")]] };

pub(crate) static NOTIFY: Kind = Kind {
    name: "notify",
    keys: &[&[
        must("to", Texts, "Addresses, $SENDER$, $RECIPIENTS$."),
        must("subject", Text, "Subject; variables are filled in."),
        must("text", Text, "Text; variables are filled in."),
    ]],
};

pub(crate) static SYSLOG: Kind = Kind {
    name: "syslog",
    keys: &[&[
        key("host", Text, "Host. Default: the server's own."),
        key("port", Integer(1, 65_535), "Port."),
        key("level", Word(levels), "Default: warning."),
        key("format", Word(|| vec!["cef", "text"]), "Default: cef."),
        key("message", Text, "Text; variables are filled in."),
    ]],
};

pub(crate) static RETENTION: Kind = Kind {
    name: "limit_retention",
    keys: &[&[
        key("original", Word(|| vec!["keep", "discard"]), "Whether the original is kept. Default: keep."),
        key(
            "attachments",
            Word(|| vec!["all", "violating", "none"]),
            "Which attachments are kept. Default: all.",
        ),
    ]],
};

pub(crate) static SETTINGS: Kind = Kind {
    name: "the settings",
    keys: &[&[
        key("internal_domains", Texts, "Address patterns of our domains."),
        key("zone", Text, "Time zone, such as Europe/Berlin. Default: UTC."),
        key("directory", Texts, "Directory exports (.ldif, .csv)."),
        key("kept_matches", Integer(1, 10_000), "Matches kept with a violation. Default: 100."),
        key("context", Integer(0, 1_000), "Characters of context. Default: 60."),
        key(
            "count_limit",
            Integer(1, u64::MAX),
            "Different values of one condition that are told apart in one component; never fewer than something asks for. Default: 100000.",
        ),
        key("violation_headers", Table(&VIOLATION_HEADERS), "Headers that sum up the violations."),
        key("ignore", Table(&IGNORE), "What is left out of matching."),
    ]],
};

pub(crate) static VIOLATION_HEADERS: Kind = Kind {
    name: "violation_headers",
    keys: &[&[
        key("policies", Text, "Name of the header with the number of policies violated."),
        key("severity", Text, "Name of the header with the highest severity."),
        key("score", Text, "Name of the header with the score."),
    ]],
};

pub(crate) static IGNORE: Kind = Kind {
    name: "ignore",
    keys: &[&[
        key("quoted_replies", Flag, "Whether quoted replies in the body are left out of matching."),
        key("text", Tables(&IGNORED_TEXT), "Known texts."),
    ]],
};

pub(crate) static IGNORED_TEXT: Kind = Kind {
    name: "a known text",
    keys: &[&[
        key("name", Text, "Name for people."),
        key("text", Text, "The text."),
        key("file", Text, "File with the text."),
    ]],
};

pub(crate) static CASES: Kind = Kind {
    name: "cases",
    keys: &[&[
        key("find", Tables(&CASE), "Must be found."),
        key("miss", Tables(&CASE), "Must not be found: near misses."),
    ]],
};

pub(crate) static CASE: Kind = Kind {
    name: "a case",
    keys: &[&[
        key("name", Text, "Name for people."),
        key("body", AnyText, "Text of the mail."),
        key("text", AnyText, "Text of the mail; for identifiers, the text."),
        key("texts", Texts, "Several texts, each a case of its own."),
        key("subject", AnyText, "Subject."),
        key("sender", AnyText, "Envelope sender."),
        key("recipients", Texts, "Envelope recipients."),
        key("headers", Texts, "Further header lines."),
        key("attachments", Tables(&ATTACHMENT), "Attached files."),
        key("mail", Text, "File with the whole mail, in the folder of the cases."),
        key("at", DateTime, "When it is sent."),
        key("rule", Texts, "Rules that must match, or must not."),
        key("count", Integer(0, u64::MAX), "The match count."),
        key("severity", Word(severities), "The severity."),
        key("breadth", Words(breadths), "For identifiers: breadths. Default: all."),
    ]],
};

pub(crate) static ATTACHMENT: Kind = Kind {
    name: "an attachment",
    keys: &[&[
        must("name", Text, "File name."),
        key("text", AnyText, "Its text."),
        key("file", Text, "File in the folder of the cases."),
    ]],
};
