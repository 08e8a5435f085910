//! Dictionaries in the console: listed, taken in, kept while policies ask for them, removed and brought back.

use reqwest::StatusCode;

use crate::support::{Answer, Person, Server};

const PATH: &str = "/policies/dictionaries";
const ASKS: &str = r#"id = 18
name = "Projects"
mode = "on"

[[rule]]
name = "names"
all = [ { dictionary = "projects" } ]
"#;

async fn take_in(author: &Person, name: &str, file: (&str, &[u8])) -> Answer {
    author.upload(PATH, &[("name", name), ("why", "new projects")], ("file", file.0, file.1)).await
}

async fn replace(author: &Person, name: &str, file: (&str, &[u8])) -> Answer {
    let fields = [("name", name), ("why", "new projects"), ("replace", "yes")];
    author.upload(PATH, &fields, ("file", file.0, file.1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_words_is_taken_in_asked_replaced_removed_and_brought_back() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let file = server.dir.path().join("policies/dictionaries/projects.txt");
    let taken =
        take_in(&author, "projects", ("list.txt", "# ours\r\nBlue Heron\r\n\r\nRed Fox\r\n".as_bytes()))
            .await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# ours\nBlue Heron\n\nRed Fox\n");
    let page = author.get(PATH).await.text;
    assert!(
        page.contains("name=dictionaries/projects.txt") && page.contains(r#"class="number">2</td>"#),
        "{page}"
    );
    std::fs::write(server.dir.path().join("policies/projects.toml"), ASKS).unwrap();
    let mail = "Subject: x\n\nabout the red fox\n";
    let found = author.post("/policies/try", &[("mail", mail)]).await.text;
    assert!(found.contains("Projects") && found.contains("red fox"), "{found}");
    // Not replaced by one that has its name by chance …
    let chance = take_in(&author, "", ("projects.txt", b"Green Owl\n")).await;
    assert_eq!(chance.status, StatusCode::CONFLICT, "{}", chance.text);
    assert!(chance.text.contains("a dictionary projects, with 2 words"), "{}", chance.text);
    assert!(std::fs::read_to_string(&file).unwrap().contains("Blue Heron"), "it stays as it is");
    // … but where that is wanted …
    let taken = replace(&author, "", ("projects.txt", b"Green Owl\n")).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text);
    assert!(!author.post("/policies/try", &[("mail", mail)]).await.text.contains("red fox</mark>"));
    let versions = author.get("/policies/history?name=dictionaries/projects.txt").await.text;
    assert!(versions.contains("new projects") && versions.contains("+ Green Owl"), "{versions}");
    // … not removed while a policy asks for it …
    let name = [("file", "dictionaries/projects.txt")];
    let refused = author.post("/policies/dictionaries/remove", &name).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("E0305") && refused.text.contains("projects.toml"), "{}", refused.text);
    assert!(file.exists());
    std::fs::remove_file(server.dir.path().join("policies/projects.toml")).unwrap();
    let removed = author.post("/policies/dictionaries/remove", &name).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER, "{}", removed.text);
    assert!(!file.exists());
    // … and brought back from its versions.
    let versions = author.get("/policies/history?name=dictionaries/projects.txt").await.text;
    let newest = versions.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let back = [("name", "dictionaries/projects.txt"), ("was", ""), ("version", newest)];
    assert_eq!(author.post("/policies/history", &back).await.status, StatusCode::SEE_OTHER);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "Green Owl\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_dictionary_changes_nothing_and_says_why() {
    let server = Server::start().await;
    let author = server.person("Policy author").await;
    let cases: [(&str, &str, &[u8], &str); 5] = [
        ("../x", "a.txt", b"word\n", "a name has letters"),
        ("", "a.exe", b"word\n", "NAME.txt"),
        ("", "a.txt", b"word\nw\xf6rd\n", "not UTF-8 text: line 2"),
        ("", "a.toml", b"name = 7\n", "a.toml"),
        ("", "a.txt", b"# nothing\n", "a.txt"),
    ];
    for (name, file, octets, why) in cases {
        let answer = take_in(&author, name, (file, octets)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{file}: {}", answer.text);
        assert!(answer.text.contains(why), "{why}: {}", answer.text);
    }
    assert!(!server.dir.path().join("policies/dictionaries").exists());
    let gone = author.post("/policies/dictionaries/remove", &[("file", "cards.toml")]).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "only dictionaries are removed here");
}
