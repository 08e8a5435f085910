//! What people decide: singly, in bulk, and what is refused.

use reqwest::{Method, StatusCode};
use store::database::Location;

use crate::postgres;
use crate::support::{Server, message, server_on};

/// The hidden field of a form.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let field = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    field.split('"').next().unwrap()
}

on_both! {
    made by server_on;

    async fn many_are_deleted_with_the_numbers_of_all_in_the_audit_log_and_none_beyond_the_role(server: Server) {
        use web::people::{Condition, Privilege, Rights};
        let mut ids = Vec::new();
        for number in 0..120 {
            ids.extend(server.record(message(&format!("M{number}"), &[1])).await);
        }
        ids.extend(server.record(message("other", &[2])).await);
        let privileges =
            [Privilege::ViewNetworkIncidents, Privilege::RemediateIncidents, Privilege::DeleteIncidents].into();
        let access = vec![Condition::Policy { any_of: [1].into() }];
        let deleter = server.with_rights("Deleter", Rights { privileges, access, hidden: [].into() }).await;
        let all = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let answer = deleter.post("/incidents/bulk/apply", &[("ids", &all), ("delete", "yes")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(deleter.get("/incidents").await.text.contains("120 incidents are deleted."));
        assert!(server.enforce().journal.show(121).await.unwrap().is_some(), "the role does not reach it");
        let log = server.audit_log().await;
        let lines = log.iter().filter(|line| line.action == "INCIDENTS_DELETED");
        let told = lines.flat_map(|line| line.detail.split(", ").map(|one| one.parse::<u64>().unwrap()));
        let told = told.collect::<std::collections::BTreeSet<_>>();
        assert_eq!(told, (1..=120).collect(), "the number of each, whole");
    }

    async fn what_a_gateway_tells_of_copies_is_on_the_snapshot_of_every_incident_of_the_message(server: Server) {
        use incident::wire::{CopyState, MessageUpdate, UpdateBatch};
        let ids = server.record(message("UNIQUE", &[1, 2])).await;
        let update = MessageUpdate {
            seq: 1,
            unique_message_id: "UNIQUE".into(),
            policy_ids: vec![1, 2],
            recipient: "bert@partner.example".into(),
            state: CopyState::Held,
            at: jiff::Timestamp::now(),
            who: "gateway".into(),
            note: Some("<script>alert(1)</script>".into()),
            gateway_incident: 5,
            request_id: None,
        };
        let batch = UpdateBatch { gateway: "gw-1".into(), waiting: 0, updates: vec![update] };
        server.enforce().journal.take_updates("gw-1", &batch).await.unwrap();
        let remediator = server.person("Remediator").await;
        for id in ids {
            let page = remediator.get(&format!("/incidents/{id}")).await.text;
            assert!(
                page.contains("Copies at the gateway") && page.contains(">held</span>") && page.contains("gw-1"),
                "{page}"
            );
            assert!(page.contains("Held in quarantine"), "the prevent status of each");
            crate::support::assert_harmless(&page);
        }
    }

    async fn a_decision_is_kept_with_who_and_from_where(server: Server) {
        let id = server.record(message("M", &[1])).await[0];
        let remediator = server.person("Remediator").await;
        let fields = [
            ("was", "New"),
            ("status", "Escalated"),
            ("severity", "medium"),
            ("owner", "dana"),
            ("note", "asked <the> sender"),
            ("attribute", "Department"),
            ("value", "R & D"),
        ];
        let answer = remediator.post(&format!("/incidents/{id}/change"), &fields).await;
        assert_eq!(
            (answer.status, answer.to.as_str()),
            (StatusCode::SEE_OTHER, format!("/incidents/{id}?").as_str())
        );
        let history = server.history(id).await;
        for (action, detail) in [
            ("SET_STATUS", "New -> Escalated"),
            ("SET_SEVERITY", "high -> medium"),
            ("SET_OWNER", "dana"),
            ("NOTE_ADDED", "asked <the> sender"),
            ("ATTRIBUTES_SET", "Department=R & D"),
        ] {
            assert!(history.contains(&(action.to_owned(), detail.to_owned())), "{action}: {history:?}");
        }
        let page = remediator.get(&format!("/incidents/{id}")).await.text;
        assert!(page.contains("remediator from 127.0.0.1") || page.contains("remediator from "), "{page}");
        assert!(page.contains("asked &lt;the&gt; sender") && page.contains("R &amp; D"));
    }

    async fn a_stale_form_changes_nothing(server: Server) {
        let id = server.record(message("M", &[1])).await[0];
        let remediator = server.person("Remediator").await;
        let path = format!("/incidents/{id}/change");
        remediator.post(&path, &[("was", "New"), ("status", "Resolved")]).await;
        let late = remediator.post(&path, &[("was", "New"), ("status", "Escalated"), ("note", "late")]).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.text.contains("Resolved"), "it says what stands there now");
        assert!(!server.history(id).await.iter().any(|(action, _)| action == "NOTE_ADDED"));
        let strange = remediator.post(&path, &[("status", "Nonsense"), ("note", "x")]).await;
        assert_eq!(strange.status, StatusCode::BAD_REQUEST);
        assert!(!server.history(id).await.iter().any(|(action, _)| action == "NOTE_ADDED"), "all or nothing");
    }

    async fn what_a_form_shows_and_nobody_touched_never_undoes_what_another_decided(server: Server) {
        let id = server.record(message("M", &[1])).await[0];
        let remediator = server.person("Remediator").await;
        let path = format!("/incidents/{id}/change");
        // Both opened the page when it was new, high and nobody's.
        let opened = [("was", "New"), ("was_severity", "high"), ("was_owner", "")];
        let first = [&opened[..], &[("status", "New"), ("severity", "low"), ("owner", "dana")]].concat();
        assert_eq!(remediator.post(&path, &first).await.status, StatusCode::SEE_OTHER);
        let second =
            [&opened[..], &[("status", "New"), ("severity", "high"), ("owner", ""), ("note", "seen")]].concat();
        assert_eq!(remediator.post(&path, &second).await.status, StatusCode::SEE_OTHER, "a note harms nobody");
        let page = remediator.get(&format!("/incidents/{id}")).await.text;
        assert!(page.contains("value=\"dana\""), "the owner stays");
        assert!(page.contains("<option selected>low"), "the severity stays: {page}");
        let third = [&opened[..], &[("status", "Resolved"), ("severity", "medium"), ("owner", "")]].concat();
        assert_eq!(
            remediator.post(&path, &third).await.status,
            StatusCode::CONFLICT,
            "it is low by now, not high"
        );
        assert!(
            !server.history(id).await.iter().any(|(action, _)| action == "SET_STATUS"),
            "nothing of it is done"
        );
    }

    async fn a_bulk_action_whose_rule_is_gone_or_fails_changes_nothing_else_either(server: Server) {
        let id = server.record(message("M", &[1])).await[0];
        let admin = server.person("Administrator").await;
        let apply = [("ids", "1"), ("status", "Escalated"), ("rule", "99")];
        assert_eq!(admin.post("/incidents/bulk/apply", &apply).await.status, StatusCode::NOT_FOUND);
        server.enforce().desk().save_status("Gone soon", "Open", false, 100, "").await.unwrap();
        let rule = [("name", "Park"), ("position", "1"), ("actions", "set-status Gone soon")];
        assert_eq!(admin.post("/response-rules", &rule).await.status, StatusCode::SEE_OTHER);
        let number = server.enforce().desk().statuses().await.unwrap().last().unwrap().id;
        server.enforce().desk().remove_status(number).await.unwrap().unwrap();
        let apply = [("ids", "1"), ("status", "Escalated"), ("rule", "1")];
        assert_eq!(admin.post("/incidents/bulk/apply", &apply).await.status, StatusCode::BAD_REQUEST);
        assert!(!server.history(id).await.iter().any(|(action, _)| action == "SET_STATUS"));
    }

    async fn a_bulk_action_reaches_every_incident_that_was_chosen(server: Server) {
        server.record(message("M", &[1])).await;
        let remediator = server.person("Remediator").await;
        // The list of a program that chose many; only the last of them is there.
        let ids = (2..=1_500).chain([1]).map(|id: u32| id.to_string()).collect::<Vec<_>>().join(",");
        let preview = remediator.post("/incidents/bulk", &[("ids", &ids), ("status", "Resolved")]).await;
        assert!(preview.text.contains("1 incident"), "{}", preview.text);
        let ids = (1..=1_001).map(|id: u32| (100_000 - id).to_string()).chain(["1".to_owned()]);
        let ids = ids.collect::<Vec<_>>().join(",");
        let preview = remediator.post("/incidents/bulk", &[("ids", &ids), ("status", "Resolved")]).await;
        assert!(preview.status.is_success(), "{}", preview.text);
    }

    async fn a_bulk_action_says_what_will_happen_and_then_does_that(server: Server) {
        for number in 0..60 {
            server.record(message(&format!("M{number}"), &[1])).await;
        }
        let remediator = server.person("Remediator").await;
        let wish = [("all", "yes"), ("query", "severity=high"), ("status", "Resolved"), ("note", "a test run")];
        let preview = remediator.post("/incidents/bulk", &wish).await;
        assert!(
            preview.text.contains("60 incidents") && preview.text.contains("The status becomes Resolved."),
            "{}",
            preview.text
        );
        assert_eq!(server.history(1).await.len(), 2, "nothing happened yet");
        let ids =
            preview.text.split("name=\"ids\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        // One that comes between is not touched.
        let late = server.record(message("LATE", &[1])).await[0];
        let apply =
            [("ids", ids.as_str()), ("query", "severity=high"), ("status", "Resolved"), ("note", "a test run")];
        let done = remediator.post("/incidents/bulk/apply", &apply).await;
        assert_eq!((done.status, done.to.as_str()), (StatusCode::SEE_OTHER, "/incidents?severity=high"));
        assert!(remediator.get("/incidents?status=Resolved").await.text.contains("50 shown of 60"));
        assert_eq!(server.history(late).await.len(), 2);
        assert!(server.history(60).await.contains(&("SET_STATUS".to_owned(), "New -> Resolved".to_owned())));
        let twice = remediator.post("/incidents/bulk/apply", &apply[..3]).await;
        assert_eq!(twice.status, StatusCode::SEE_OTHER, "a double click harms nobody");
        let changes = server.history(60).await.into_iter().filter(|(action, _)| action == "SET_STATUS").count();
        assert_eq!(changes, 1);
        for empty in [&[("id", "1")][..], &[("status", "New")], &[("id", "x"), ("status", "New")]] {
            assert_eq!(
                remediator.post("/incidents/bulk", empty).await.status,
                StatusCode::BAD_REQUEST,
                "{empty:?}"
            );
        }
    }

    async fn attributes_are_set_and_incidents_hidden_in_bulk(server: Server) {
        let ids = [server.record(message("M", &[1])).await[0], server.record(message("N", &[1])).await[0]];
        let admin = server.person("Administrator").await;
        admin.post("/statuses/attribute", &[("name", "Department"), ("group", "People")]).await;
        let both = ids.map(|id| id.to_string()).join(",");
        let wish = [("ids", both.as_str()), ("attribute", "Department"), ("value", "Sales"), ("hidden", "yes")];
        let preview = admin.post("/incidents/bulk", &wish).await.text;
        let told = ["Department becomes Sales.", "They stand only in lists that ask for hidden incidents."];
        assert!(told.iter().all(|told| preview.contains(told)), "{preview}");
        assert_eq!(admin.post("/incidents/bulk/apply", &wish).await.status, StatusCode::SEE_OTHER);
        assert!(admin.get("/incidents").await.text.contains("No incident meets"));
        let hidden = admin.get("/incidents?hidden=yes&attribute=Department=sales").await.text;
        assert!(hidden.contains("2 shown of 2<"), "{hidden}");
        let line = server.audit_log().await.into_iter().find(|line| line.action == "INCIDENTS_CHANGED").unwrap();
        assert_eq!(line.detail, "hidden, attribute Department", "the value describes somebody");
        let away = [("ids", both.as_str()), ("attribute", "Department"), ("hidden", "no")];
        assert!(admin.post("/incidents/bulk", &away).await.text.contains("Department is taken away."));
        assert_eq!(admin.post("/incidents/bulk/apply", &away).await.status, StatusCode::SEE_OTHER);
        assert!(admin.get("/incidents").await.text.contains("2 shown of 2<"));
        assert!(admin.get("/incidents?attribute=Department=Sales").await.text.contains("No incident meets"));
        for wrong in [("value", "Sales"), ("hidden", "perhaps")] {
            let answer = admin.post("/incidents/bulk", &[("ids", both.as_str()), wrong]).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong:?}");
        }
    }

    async fn ok_and_advance_goes_to_the_next_of_the_list(server: Server) {
        for number in 0..3 {
            server.record(message(&format!("M{number}"), &[1])).await;
        }
        let remediator = server.person("Remediator").await;
        let advance = async |id: u64, query: &str| {
            let fields = [("status", "Escalated"), ("query", query), ("advance", "yes")];
            remediator.post(&format!("/incidents/{id}/change"), &fields).await.to
        };
        assert_eq!(advance(3, "").await, "/incidents/2?");
        assert_eq!(advance(2, "sort=id").await, "/incidents/1?sort=id");
        assert_eq!(advance(1, "status=New").await, "/incidents?status=New", "none is left");
    }

    async fn a_form_from_elsewhere_is_refused(server: Server) {
        let id = server.record(message("M", &[1])).await[0];
        let remediator = server.person("Remediator").await;
        let forged = remediator
            .ask(Method::POST, &format!("/incidents/{id}/change"), Some("status=Resolved".to_owned()))
            .await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN);
        assert_eq!(server.history(id).await.len(), 2);
    }

    async fn a_deletion_is_done_at_once_by_who_may_and_by_no_other(server: Server) {
        let ids = [server.record(message("A", &[1])).await[0], server.record(message("B", &[1])).await[0]];
        let fields = [("ids", "1"), ("delete", "yes")];
        let remediator = server.person("Remediator").await;
        assert_eq!(remediator.post("/incidents/bulk/apply", &fields).await.status, StatusCode::FORBIDDEN);
        let admin = server.person("Administrator").await;
        let preview = admin.post("/incidents/bulk", &[("id", "1"), ("delete", "yes")]).await;
        assert!(preview.text.contains("cannot be taken back"));
        assert_eq!(admin.post("/incidents/bulk/apply", &fields).await.status, StatusCode::SEE_OTHER);
        assert_eq!(admin.get("/incidents/1").await.status, StatusCode::NOT_FOUND);
        assert!(server.enforce().journal.show(ids[1]).await.unwrap().is_some());
        let summary = admin.get("/summary").await.text;
        assert!(summary.contains("<dt>Incidents</dt><dd>1</dd>"), "what is deleted is not counted");
    }

    async fn a_form_that_is_sent_twice_is_done_once(server: Server) {
        let id = server.record(message("A", &[1])).await[0];
        let admin = server.person("Administrator").await;
        let actor = incident::desk::Actor { who: "test".into(), origin: None };
        let desk = server.enforce().desk();
        desk.keep_secret(&actor, crate::support::secret("gateway", b"secret")).await.unwrap();
        let responses = server.enforce().responses();
        responses.install_quarantine_connect(&actor, "127.0.0.1", 1, "gateway", "dlp").await.unwrap();
        let rule = responses.rule_named("Approve").await.unwrap().unwrap().id;
        let path = format!("/incidents/{id}/respond/{rule}");
        let form = admin.get(&path).await.text;
        let fields = [("once", hidden(&form, "once")), ("note", "fine")];
        for _ in 0..2 {
            let answer = admin.post(&path, &fields).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        }
        assert_eq!(desk.requests(id).await.unwrap().len(), 1);
        // Opened again, the form may ask again.
        let form = admin.get(&path).await.text;
        admin.post(&path, &[("once", hidden(&form, "once"))]).await;
        assert_eq!(desk.requests(id).await.unwrap().len(), 2);
        let snapshot = admin.get(&format!("/incidents/{id}")).await.text;
        let note = [("once", hidden(&snapshot, "once")), ("note", "twice?")];
        admin.post(&format!("/incidents/{id}/change"), &note).await;
        admin.post(&format!("/incidents/{id}/change"), &note).await;
        let notes = desk.look(&incident::desk::Access::everything(), id).await.unwrap().unwrap().notes;
        assert_eq!(notes.iter().filter(|note| note.text == "twice?").count(), 1);
    }

    async fn what_somebody_decided_after_the_preview_is_left_alone_and_said(server: Server) {
        let ids = server.record(message("A", &[1, 2])).await;
        let (ann, bob) = (server.person("Administrator").await, server.person("Remediator").await);
        let (one, two) = (ids[0].to_string(), ids[1].to_string());
        let preview =
            ann.post("/incidents/bulk", &[("id", &one), ("id", &two), ("status", "Escalated")]).await.text;
        let fields = ["ids", "as_of", "once", "status"].map(|name| (name, hidden(&preview, name)));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        bob.post(&format!("/incidents/{one}/change"), &[("status", "Resolved")]).await;
        assert_eq!(ann.post("/incidents/bulk/apply", &fields).await.status, StatusCode::SEE_OTHER);
        let said = ann.get("/incidents").await.text;
        assert!(
            said.contains("1 of 2 incidents changed. Somebody decided on 1 of them since the preview"),
            "{said}"
        );
        let status = async |id| {
            server.enforce().journal.show(id).await.unwrap().unwrap().summary.status.as_str().to_owned()
        };
        assert_eq!((status(ids[0]).await.as_str(), status(ids[1]).await.as_str()), ("Resolved", "Escalated"));
    }

    async fn a_rule_for_ageing_incidents_never_acts_on_mail_unless_it_says_so(server: Server) {
        let id = server.record(message("A", &[1])).await[0];
        let admin = server.person("Administrator").await;
        let actor = incident::desk::Actor { who: "test".into(), origin: None };
        let responses = server.enforce().responses();
        let desk = server.enforce().desk();
        responses.install_quarantine_connect(&actor, "127.0.0.1", 1, "gateway", "dlp").await.unwrap();
        let none = (desk.plugins().await.unwrap().is_empty(), responses.rules().await.unwrap().is_empty());
        assert_eq!(none, (true, true), "without the credential there is nothing that would always fail");
        desk.keep_secret(&actor, crate::support::secret("gateway", b"secret")).await.unwrap();
        responses.install_quarantine_connect(&actor, "127.0.0.1", 1, "gateway", "dlp").await.unwrap();
        let rule = [
            ("name", "Late"),
            ("status", "New"),
            ("hours", "1"),
            ("actions", "flex-response SMG Approve Action\nset-status Escalated\nlimit-retention"),
        ];
        let refused = admin.post("/response-rules/ageing", &rule).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("SMG Approve Action may release"), "{}", refused.text);
        let meant = [&rule[..], &[("acts_on_mail", "yes")]].concat();
        assert_eq!(admin.post("/response-rules/ageing", &meant).await.status, StatusCode::SEE_OTHER);
        for wrong in [("hours", "0"), ("status", "Nonsense"), ("actions", "explode")] {
            let fields: Vec<_> =
                meant.iter().map(|field| if field.0 == wrong.0 { wrong } else { *field }).collect();
            let answer = admin.post("/response-rules/ageing", &fields).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        }
        let page = admin.get("/response-rules").await.text;
        assert!(page.contains("1 hours New") && page.contains("acts on mail"), "{page}");
        // What somebody put past the form into the table is not carried out either.
        let set = async |sql: &str| {
            let mut transaction = server.enforce().database().begin().await.unwrap();
            transaction.run(sql, Vec::new()).await.unwrap();
            transaction.commit().await.unwrap();
        };
        set("UPDATE ageing_rule SET acts_on_mail = FALSE").await;
        set("UPDATE incident SET recorded_at = recorded_at - 7200000").await;
        assert_eq!(responses.act_on_age().await.unwrap(), 1);
        assert_eq!(responses.act_on_age().await.unwrap(), 0);
        let history = server.history(id).await;
        let told: Vec<&str> = history[2..].iter().map(|(action, _)| action.as_str()).collect();
        assert_eq!(told, ["SET_STATUS", "MESSAGE_NOT_RETAINED"]);
        assert_eq!(
            admin.post("/response-rules/ageing/remove", &[("id", "1")]).await.status,
            StatusCode::SEE_OTHER
        );
        assert!(admin.get("/response-rules").await.text.contains("No rules for ageing incidents"));
    }

    async fn own_statuses_and_attributes_are_made_used_and_removed_in_the_console(server: Server) {
        let id = server.record(message("A", &[1])).await[0].to_string();
        let admin = server.person("Administrator").await;
        let change = format!("/incidents/{id}/change");
        let new = [("name", "Legal <hold>"), ("group", "Parked"), ("position", "35")];
        assert_eq!(admin.post("/statuses", &new).await.status, StatusCode::SEE_OTHER);
        let page = admin.get("/statuses").await.text;
        assert!(page.contains("Legal &#60;hold&#62;") || page.contains("Legal &lt;hold&gt;"), "{page}");
        assert_eq!(admin.post(&change, &[("status", "Legal <hold>")]).await.status, StatusCode::SEE_OTHER);
        assert!(admin.get("/incidents?group=Parked").await.text.contains("1 shown of 1<"));
        assert!(admin.get("/incidents?group=Open").await.text.contains("No incident meets"));
        assert_eq!(
            admin.post("/statuses/remove", &[("id", "7")]).await.status,
            StatusCode::CONFLICT,
            "it is in use"
        );
        admin.post(&change, &[("status", "New")]).await;
        let rule = [("name", "Hold"), ("position", "1"), ("actions", "set-status Legal <hold>")];
        admin.post("/response-rules", &rule).await;
        let refused = admin.post("/statuses/remove", &[("id", "7")]).await;
        assert!(refused.status == StatusCode::CONFLICT && refused.text.contains("Hold"), "a rule sets it");
        admin.post("/response-rules/remove", &[("id", "1")]).await;
        assert_eq!(admin.post("/statuses/remove", &[("id", "7")]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(admin.post("/statuses/remove", &[("id", "1")]).await.status, StatusCode::CONFLICT, "built in");
        for wrong in [
            &[("name", ""), ("group", "x")][..],
            &[("name", "x"), ("group", "")],
            &[("name", "New"), ("group", "Open")],
        ] {
            assert_eq!(
                admin.post("/statuses", wrong).await.status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{wrong:?}"
            );
        }
        let attribute = [("name", "Department"), ("group", "People"), ("position", "1")];
        assert_eq!(admin.post("/statuses/attribute", &attribute).await.status, StatusCode::SEE_OTHER);
        admin.post(&change, &[("attribute", "Department"), ("value", "Sales")]).await;
        assert!(admin.get("/statuses").await.text.contains("Department"));
        assert_eq!(admin.post("/statuses/attribute/remove", &[("id", "1")]).await.status, StatusCode::SEE_OTHER);
        assert!(!admin.get(&format!("/incidents/{id}")).await.text.contains("Sales</td>"));
        assert_eq!(admin.post("/statuses/attribute/remove", &[("id", "1")]).await.status, StatusCode::NOT_FOUND);
    }
}
