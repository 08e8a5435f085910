//! A message to record: what incidents' tests and Enforce's begin with.

use incident::{Disposition, Effect, Match, NewMessage, NewViolation, Severity};

/// A message that violates these policies.
pub(crate) fn message(unique_id: &str, policies: &[u32]) -> NewMessage {
    let found = Match {
        rule: "numbers".into(),
        condition: "payment_card".into(),
        path: "offer.zip > q3.xlsx > Sheet2!B7".into(),
        kind: "text".into(),
        offset: 5,
        text: "4111 1111 1111 1111".into(),
        before: "card ".into(),
        after: " thanks".into(),
        validator: Some("luhn".into()),
    };
    let violation = |policy_id: &u32| NewViolation {
        policy_id: *policy_id,
        policy_name: format!("policy {policy_id}"),
        policy_version: "v".into(),
        severity: Severity::High,
        match_count: 3,
        count_is_complete: true,
        trial: false,
        matches: vec![found.clone()],
        response_rules: vec!["mark".into()],
    };
    NewMessage {
        unique_id: unique_id.into(),
        message_id: Some("<1@company.example>".into()),
        sender: "a@company.example".into(),
        recipients: vec!["b@partner.example".into()],
        subject: "numbers".into(),
        peer: Some("127.0.0.1".into()),
        received_at: jiff::Timestamp::now(),
        size: 11,
        direction: "outbound".into(),
        server: "weir".into(),
        policy_set: "set".into(),
        original: Some(b"Subject: x\r\n\r\nSECRET-ORIGINAL".to_vec()),
        violations: policies.iter().map(violation).collect(),
        unscannable: vec![("a.zip".into(), "encrypted".into())],
        disposition: Disposition::Modified,
        effects: policies
            .iter()
            .map(|policy_id| Effect {
                policy_id: *policy_id,
                rule: "tell".into(),
                kind: "notify".into(),
                payload: "{}".into(),
            })
            .collect(),
    }
}
