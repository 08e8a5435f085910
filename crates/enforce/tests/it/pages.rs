//! The list, the snapshot, exports, reports and the summary.

use incident::Severity;
use reqwest::StatusCode;
use store::database::Location;

use crate::postgres;
use crate::support::{Server, assert_harmless, hostile, message, server_on};

on_both! {
    made by server_on;

    async fn a_filter_that_names_several_is_shown_whole_and_finding_again_keeps_it(server: Server) {
        for (number, severity) in [Severity::High, Severity::Low, Severity::Info].into_iter().enumerate() {
            let mut one = message(&format!("M{number}"), &[1]);
            one.violations[0].severity = severity;
            server.record(one).await;
        }
        let admin = server.person("Administrator").await;
        let page = admin.get("/incidents?severity=high&severity=low&status=New&status=Escalated").await.text;
        assert!(page.contains("2 shown of 2<"), "{page}");
        // What a browser sends when the form is sent as it is: what is chosen, and what is ticked.
        let form = page.split("role=\"search\"").nth(1).unwrap().split("</form>").next().unwrap();
        assert!(form.contains("<option value=\"high\" selected>") && form.contains("<option value=\"New\" selected>"), "{form}");
        for (name, value) in [("severity", "low"), ("status", "Escalated")] {
            assert!(form.contains(&format!("name=\"{name}\" value=\"{value}\" checked")), "{name}: {form}");
        }
        let one = admin.get("/incidents?severity=high").await.text;
        assert!(!one.contains("<legend>Or</legend>"), "{one}");
    }

    async fn columns_are_shown_where_somebody_asks_for_them_and_tell_a_role_nothing_that_it_must_not_know(server: Server) {
        use web::people::{Hidden, Privilege, Rights};
        let mut mail = message("A", &[1]);
        mail.message_id = Some("<abc@company.example>".into());
        server.record(mail).await;
        let admin = server.person("Administrator").await;
        assert!(!admin.get("/incidents").await.text.contains("abc@company.example"));
        let asked = "/incidents?columns=message-id&columns=last-seen&columns=server";
        let page = admin.get(asked).await.text;
        let heads: Vec<usize> = ["Message-ID</th>", ">Last seen</th>", ">Server</a></th>"]
            .map(|head| page.find(head).unwrap_or_else(|| panic!("{head}: {page}")))
            .to_vec();
        assert!(heads.is_sorted(), "in the order that was asked for");
        assert!(page.contains(">&lt;abc@company.example&gt;<"), "{page}");
        assert!(
            page.contains(r#"value="message-id" checked"#)
                && page.contains("columns=message-id&#38;columns=last-seen"),
            "{page}"
        );
        let privileges = [Privilege::ViewNetworkIncidents].into();
        let blind = Rights { privileges, access: Vec::new(), hidden: [Hidden::Sender].into() };
        let blind = server.with_rights("Blind", blind).await;
        let page = blind.get(asked).await.text;
        assert!(page.contains("Message-ID</th>") && !page.contains("abc@company"), "{page}");
        assert_eq!(admin.get("/incidents?columns=password").await.status, StatusCode::BAD_REQUEST);
    }

    async fn a_custom_attribute_is_a_column_of_the_list_and_of_its_export(server: Server) {
        use web::people::{Hidden, Privilege, Rights};
        let id = server.record(message("A", &[1])).await[0];
        server.record(message("B", &[1])).await;
        let admin = server.person("Administrator").await;
        admin.post("/statuses/attribute", &[("name", "Cost centre"), ("group", "People")]).await;
        let set = [("attribute", "Cost centre"), ("value", "=4711,\n  Sales")];
        assert_eq!(admin.post(&format!("/incidents/{id}/change"), &set).await.status, StatusCode::SEE_OTHER);
        let column = "columns=attribute:Cost%20centre&columns=last-seen&columns=server";
        let page = admin.get(&format!("/incidents?{column}")).await.text;
        assert!(page.contains(">Cost centre</th>") && page.contains(">=4711, Sales<"), "{page}");
        assert!(page.contains(r#"value="attribute:Cost centre" checked"#), "{page}");
        let csv = admin.get(&format!("/incidents/export.csv?{column}")).await.text;
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].ends_with(",\"Cost centre\",\"Last seen\""), "what is there already is not there twice: {csv}");
        assert!(lines.iter().any(|line| line.contains(",\"'=4711, Sales\",\"2")), "{csv}");
        assert_eq!(lines.len(), 3);
        let json = admin.get(&format!("/incidents/export.json?{column}")).await.text;
        let lines: serde_json::Value = serde_json::from_str(&json).unwrap();
        let of = |id: u64| lines.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()["columns"].clone();
        assert_eq!(of(id)["attribute:Cost centre"], "=4711, Sales");
        assert_eq!(of(id + 1)["attribute:Cost centre"], "");
        // They describe people: not for a role that must not know these.
        let privileges = [Privilege::ViewNetworkIncidents].into();
        let blind = Rights { privileges, access: Vec::new(), hidden: [Hidden::Sender].into() };
        let blind = server.with_rights("Blind", blind).await;
        for path in ["/incidents", "/incidents/export.csv", "/incidents/export.json"] {
            let answer = blind.get(&format!("{path}?{column}")).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert!(!blind.get("/incidents").await.text.contains("Cost centre"));
    }

    async fn an_incident_is_offered_to_those_who_may_see_it_and_ones_own_are_found(server: Server) {
        use web::people::{Condition, Privilege, Rights};
        let id = server.record(message("A", &[1])).await[0];
        server.record(message("B", &[2])).await;
        let admin = server.person("Administrator").await;
        server.person("Remediator").await;
        let of = |policy: u32| Rights {
            privileges: [Privilege::ViewNetworkIncidents].into(),
            access: vec![Condition::Policy { any_of: [policy].into() }],
            hidden: [].into(),
        };
        server.with_rights("Near", of(1)).await;
        server.with_rights("Far", of(2)).await;
        server.with_rights("Blind", Rights { privileges: [].into(), ..of(1) }).await;
        let page = admin.get(&format!("/incidents/{id}")).await.text;
        let offered = page.split("<datalist id=\"owners\">").nth(1).unwrap().split("</datalist>").next().unwrap();
        let names: Vec<&str> = offered.split("value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(names, ["administrator", "near", "remediator"], "{offered}");
        let people = server.enforce().site.people();
        let near = people.user_named("near").await.unwrap().unwrap();
        people.disable(near.id, true).await.unwrap();
        assert!(!admin.get(&format!("/incidents/{id}")).await.text.contains("<option value=\"near\">"));
        let answer = admin.post(&format!("/incidents/{id}/change"), &[("owner", "administrator")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let list = admin.get("/incidents").await.text;
        assert!(list.contains("2 shown of 2<") && list.contains("href=\"/incidents?owner=administrator\">Mine</a>"), "{list}");
        assert!(admin.get("/incidents?owner=administrator").await.text.contains("1 shown of 1<"));
    }

    async fn the_summary_leads_from_each_severity_to_its_incidents(server: Server) {
        let mut low = message("A", &[1]);
        low.violations[0].severity = Severity::Low;
        server.record(low).await;
        let admin = server.person("Administrator").await;
        let page = admin.get("/summary").await.text;
        let bars = page.split("By severity").nth(1).unwrap_or_else(|| panic!("{page}"));
        let address = bars.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(address.contains("severity=low"), "{address}");
        let address = address.replace("&#38;", "&").replace("&amp;", "&");
        assert!(admin.get(&address).await.text.contains("1 shown of 1<"), "{address}");
    }

    async fn a_hostile_mail_is_text_on_every_page(server: Server) {
        let id = server.record(hostile("EVIL")).await[0];
        server.record(hostile("EVIL2")).await;
        let admin = server.person("Administrator").await;
        for path in [
            "/incidents".to_owned(),
            format!("/incidents/{id}"),
            format!("/incidents/{id}/message"),
            "/summary".to_owned(),
            "/incidents?subject=%22%3E%3Cscript%3Ealert(9)%3C/script%3E".to_owned(),
            "/incidents?sender=%3Cscript%3Ealert(9)".to_owned(),
        ] {
            let answer = admin.get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            assert_harmless(&answer.text);
        }
        let preview = admin
            .post("/incidents/bulk", &[("id", &id.to_string()), ("note", "<script>alert(1)</script>")])
            .await;
        assert_eq!(preview.status, StatusCode::OK);
        assert_harmless(&preview.text);
    }

    async fn an_export_for_spreadsheets_holds_no_formula(server: Server) {
        server.record(hostile("EVIL")).await;
        let admin = server.person("Administrator").await;
        let csv = admin.get("/incidents/export.csv").await;
        assert_eq!((csv.status, csv.kind.as_str()), (StatusCode::OK, "text/csv; charset=utf-8"));
        assert!(csv.text.contains("\"'=cmd|") && csv.text.contains("\"'=HYPERLINK("), "{}", csv.text);
        let json = admin.get("/incidents/export.json").await;
        let lines: serde_json::Value = serde_json::from_str(&json.text).unwrap();
        assert_eq!(lines.as_array().unwrap().len(), 1);
        let log = server.audit_log().await;
        assert_eq!(log.iter().filter(|line| line.action == "INCIDENTS_EXPORTED").count(), 2);
    }

    async fn an_export_is_whole_however_long_the_list_is(server: Server) {
        let many: Vec<u32> = (1..=700).collect();
        for name in ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P"] {
            server.record(message(name, &many)).await;
        }
        let admin = server.person("Administrator").await;
        let csv = admin.get("/incidents/export.csv?sort=policy").await.text;
        assert_eq!(csv.lines().count(), 1 + 16 * 700);
        let numbers: std::collections::BTreeSet<&str> =
            csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(numbers.len(), 16 * 700, "each once");
        let json = admin.get("/incidents/export.json?policy=5").await.text;
        let lines: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(lines.len(), 16);
        assert_eq!(admin.get("/incidents/export.json?policy=999").await.text, "[]");
    }

    async fn filters_narrow_the_list_and_pages_go_on_by_key(server: Server) {
        for number in 0..120 {
            let mut one = message(&format!("M{number}"), &[number % 3 + 1]);
            if number % 2 == 0 {
                one.violations[0].severity = Severity::Low;
            }
            if number == 7 {
                one.sender = "Zoe@Company.Example".into();
                one.violations[0].matches[0].text = "DE89 3704 0044 0532 0130 00".into();
            }
            server.record(one).await;
        }
        let admin = server.person("Administrator").await;
        let list = async |query: &str| admin.get(&format!("/incidents?{query}")).await.text;
        let shown = |page: &str| page.matches("data-choose aria-label").count();
        let first = list("").await;
        assert_eq!(shown(&first), 50);
        assert!(first.contains("50 shown of 120"), "{first}");
        let mut seen = std::collections::BTreeSet::new();
        let mut page = first;
        loop {
            for line in page.split("aria-label=\"Choose incident ").skip(1) {
                let id: u64 = line.split('"').next().unwrap().parse().unwrap();
                assert!(seen.insert(id), "incident {id} twice");
            }
            let Some(next) = page.split("rel=\"next\" href=\"").nth(1) else { break };
            let address = next.split('"').next().unwrap().replace("&amp;", "&");
            page = admin.get(&address).await.text;
        }
        assert_eq!(seen.len(), 120);
        assert!(list("severity=low").await.contains("50 shown of 60"));
        assert!(list("policy=2").await.contains("40 shown of 40"));
        assert!(list("policy=2&severity=low&status=New").await.contains("20 shown of 20"));
        assert!(list("sender=zoe@company.example").await.contains("1 shown of 1<"));
        assert!(list("sender=@company.example").await.contains("50 shown of 120"));
        assert!(list("recipient=BERT@partner.example").await.contains("50 shown of 120"));
        assert!(list("recipient=carl").await.contains("50 shown of 120"));
        assert!(list("value=DE89370400440532013000").await.contains("1 shown of 1<"), "however it was written");
        assert!(list("unscannable=encrypted").await.contains("50 shown of 120"));
        assert!(list("unscannable=timeout").await.contains("No incident meets these filters"));
        assert!(list("prevent=2&server=prevent-1").await.contains("50 shown of 120"));
        assert!(list("to=2001-01-01").await.contains("No incident meets"));
        for sort in ["severity", "status", "prevent", "policy", "sender", "server", "matches", "id", "recorded"] {
            for order in ["up", "down"] {
                let page = list(&format!("sort={sort}&order={order}")).await;
                let next = page
                    .split("rel=\"next\" href=\"")
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap()
                    .replace("&amp;", "&");
                assert_eq!(shown(&admin.get(&next).await.text), 50, "{sort} {order}");
            }
        }
        for strange in ["severity=worst", "nonsense=1", "after=AAAA", "policy=99999999999999"] {
            let answer = admin.get(&format!("/incidents?{strange}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{strange}");
        }
    }

    async fn a_snapshot_tells_what_happened_and_masks_for_who_must_not_see(server: Server) {
        let ids = server.record(message("M", &[1, 2])).await;
        let remediator = server.person("Remediator").await;
        let page = remediator.get(&format!("/incidents/{}", ids[0])).await.text;
        for told in [
            "anna@company.example",
            "carla@partner.example",
            "offer.zip &gt; q3.xlsx &gt; Sheet2!B7",
            "<mark>4111 1111 1111 1111</mark>",
            "payment_card, passed luhn",
            "Other incidents of this message",
            "a.zip",
            "encrypted",
            "Detected",
        ] {
            assert!(page.contains(told), "{told} is missing:\n{page}");
        }
        let reviewer = server.person("Reviewer").await;
        let page = reviewer.get(&format!("/incidents/{}", ids[0])).await.text;
        assert!(page.contains("**** **** **** 1111") && !page.contains("4111 1111"), "{page}");
        for path in ["message", "original.eml"] {
            let answer = reviewer.get(&format!("/incidents/{}/{path}", ids[0])).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        }
    }

    async fn what_others_share_with_an_incident_is_counted_and_leads_to_them(server: Server) {
        let id = server.record(message("M", &[1])).await[0];
        let mut other = message("N", &[1]);
        other.sender = "otto@company.example".into();
        other.violations[0].matches[0].path = "Q3.xlsx > Sheet1!A1".into();
        other.violations[0].matches[0].text = "5500 0000 0000 0004".into();
        other.unscannable.clear();
        server.record(other).await;
        let admin = server.person("Administrator").await;
        let page = admin.get(&format!("/incidents/{id}")).await.text;
        for told in [
            "q3.xlsx</bdi>: <a href=\"/incidents?file=q3.xlsx\">1</a>",
            "Same sender: <a href=\"/incidents?sender=anna%40company.example\">0</a>",
            "Same sender and policy: <a href=\"/incidents?sender=anna%40company.example&#38;policy=1\">0</a>",
        ] {
            assert!(page.contains(told), "{told} is missing:\n{page}");
        }
        assert!(!page.contains("Same file <bdi class=\"mail\">a.zip"), "where none is known, nothing is said: {page}");
        let list = async |query: &str| admin.get(&format!("/incidents?{query}")).await.text;
        assert!(list("file=Q3.XLSX").await.contains("2 shown of 2<"), "in any case of letters");
        assert!(list("file=a.zip").await.contains("1 shown of 1<"), "what could not be opened counts");
        assert!(list("file=q3").await.contains("No incident meets"), "the whole name");
        assert!(list("value=%01file%01q3.xlsx").await.contains("No incident meets"), "a file is no matched value");
    }

    async fn a_policy_is_chosen_by_its_name_and_a_role_is_offered_those_that_it_reaches(server: Server) {
        let admin = server.person("Administrator").await;
        let named = "<option value=\"17\" selected>Cards</option>";
        server
            .until("policies have names", async || {
                admin.get("/incidents?policy=17").await.text.contains(named)
            })
            .await;
        assert!(admin.get("/incidents").await.text.contains("<option value=\"17\">Cards</option>"));
        let gone = admin.get("/incidents?policy=4711").await.text;
        assert!(gone.contains("<option value=\"4711\" selected>number 4711</option>"), "{gone}");
        let rights = web::people::Rights {
            privileges: web::people::Privilege::all().collect(),
            access: vec![web::people::Condition::Policy { any_of: [23].into() }],
            hidden: Default::default(),
        };
        let role = admin.get("/roles/new").await.text;
        assert!(role.contains("<li>17 Cards</li>"), "whoever bounds a role need not know numbers: {role}");
        let cards = [web::people::Condition::Policy { any_of: [17, 23].into() }].to_vec();
        server.with_rights("Of cards", web::people::Rights { access: cards, ..rights.clone() }).await;
        let roles = admin.get("/roles").await.text;
        assert!(roles.contains("policy number 17 (Cards), 23<"), "{roles}");
        let bound = server.with_rights("Bound", rights).await;
        assert!(!bound.get("/incidents").await.text.contains("Cards"));
    }

    async fn filters_in_the_folded_part_are_seen_where_they_count(server: Server) {
        let admin = server.person("Administrator").await;
        let page = admin.get("/incidents").await.text;
        let folded = page.split("<details").find(|part| part.contains("More filters")).unwrap();
        let folded = folded.split("</details>").next().unwrap();
        assert!(folded.starts_with("><summary"), "{folded}");
        let names: Vec<&str> =
            folded.split(" name=\"").skip(1).map(|part| part.split('"').next().unwrap()).collect();
        assert!(names.contains(&"file") && names.contains(&"hidden"), "{names:?}");
        for name in names {
            let value = match name {
                "attribute" => "Department=Sales",
                "prevent" => "21",
                "columns" => "server",
                _ => "x",
            };
            let page = admin.get(&format!("/incidents?{name}={value}")).await.text;
            assert!(page.contains("<details open><summary>More filters"), "{name}");
        }
    }

    async fn each_look_at_an_original_is_in_the_audit_log(server: Server) {
        let id = server.record(message("M", &[1])).await[0];
        let remediator = server.person("Remediator").await;
        let original = remediator.get(&format!("/incidents/{id}/original.eml")).await;
        assert_eq!((original.status, original.kind.as_str()), (StatusCode::OK, "message/rfc822"));
        assert!(original.text.ends_with("<b>bold</b>\r\n"));
        let shown = remediator.get(&format!("/incidents/{id}/message")).await;
        assert!(shown.text.contains("&lt;b&gt;bold&lt;/b&gt;"), "{}", shown.text);
        assert!(shown.text.contains("<h1>Message</h1>"), "without scripts it is a page: {}", shown.text);
        let log = server.audit_log().await;
        let looks: Vec<_> = log.iter().filter(|line| line.action == "ORIGINAL_SEEN").collect();
        assert_eq!(looks.len(), 2);
        assert!(looks.iter().all(|line| line.subject == format!("incident {id}")));
    }

    async fn a_false_positive_becomes_a_case_that_can_be_read(server: Server) {
        let id = server.record(hostile("EVIL")).await[0];
        let admin = server.person("Administrator").await;
        let case = admin.get(&format!("/incidents/{id}/near-miss")).await;
        assert_eq!(case.status, StatusCode::OK);
        let read: toml::Table = case.text.parse().unwrap();
        assert_eq!(read["miss"].as_array().unwrap().len(), 1);
        let reviewer = server.person("Reviewer").await;
        assert_eq!(reviewer.get(&format!("/incidents/{id}/near-miss")).await.status, StatusCode::FORBIDDEN);
    }

    async fn the_summary_counts_and_the_trend_has_its_days(server: Server) {
        for number in 0..7 {
            server.record(message(&format!("M{number}"), &[1])).await;
        }
        let admin = server.person("Administrator").await;
        admin.post("/incidents/1/change", &[("status", "Resolved")]).await;
        let page = admin.get("/summary").await.text;
        assert!(page.contains("<dt>Incidents</dt><dd>7</dd>"), "{page}");
        assert!(page.contains("policy 1") && page.contains("anna@company.example") && page.contains("Resolved"));
        let median = "Median time to decision</dt><dd>";
        assert!(page.contains(median) && !page.contains(&format!("{median}—")), "one was decided");
        assert!(page.contains("<dt>Released</dt><dd>0</dd>") && page.contains("<dt>Held</dt><dd>0</dd>"));
        // What became of the mail has its days too: one was held, one was let go, the others were only marked.
        let desk = server.enforce().desk();
        let actor = incident::desk::Actor { who: "gateway".into(), origin: None };
        for (id, state) in [(2, 21), (3, 22)] {
            let change = incident::desk::Change::PreventStatus(state);
            desk.change(&incident::desk::Access::everything(), &actor, &[id], &[change]).await.unwrap().unwrap();
        }
        let page = admin.get("/summary").await.text;
        assert!(page.contains("<dt>Released</dt><dd>1</dd>") && page.contains("<dt>Held</dt><dd>1</dd>"), "{page}");
        let today = page.split("What became of the mail, by day</caption>").nth(1).unwrap();
        let today = today.split("</table>").next().unwrap().rsplit("<tr>").next().unwrap();
        let counts: Vec<&str> =
            today.split("<td class=\"number\">").skip(1).map(|cell| cell.split('<').next().unwrap()).collect();
        assert_eq!(counts, ["1", "0", "1", "5"], "held, blocked or rejected, released, all others: {today}");
        assert_eq!(admin.get("/summary?from=2026-11-24&to=2026-11-01").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(admin.get("/summary?from=x").await.status, StatusCode::BAD_REQUEST);
    }

    async fn reports_are_private_or_shared_and_only_ones_own_are_removed(server: Server) {
        let (ann, bob) = (server.person("Reviewer").await, server.person("Remediator").await);
        let saved = ann.post("/reports", &[("name", "mine"), ("query", "severity=high")]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER);
        ann.post("/reports", &[("name", "ours"), ("query", "status=New&sort=severity"), ("shared", "yes")]).await;
        let seen = bob.get("/reports").await.text;
        assert!(seen.contains("ours") && !seen.contains("mine"));
        for id in ["1", "2"] {
            assert_eq!(bob.post("/reports/remove", &[("id", id)]).await.status, StatusCode::NOT_FOUND);
        }
        assert_eq!(ann.post("/reports/remove", &[("id", "2")]).await.status, StatusCode::SEE_OTHER);
        assert!(!bob.get("/reports").await.text.contains("ours"));
        let strange = ann.post("/reports", &[("name", "x"), ("query", "severity=worst")]).await;
        assert_eq!(strange.status, StatusCode::BAD_REQUEST);
    }
}
