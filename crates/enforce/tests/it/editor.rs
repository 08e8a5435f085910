//! The editor of policies in a real browser: the words that the check means are underlined in the text, with what is wrong below them.

use serde_json::json;

use crate::browser::sign_in;
use crate::driver::Window;
use crate::support::{POLICY, Server};

/// What is underlined, as `error:"worst"`.
const UNDERLINED: &str = "return [...document.querySelectorAll('.editor u')].map(words => words.className + ':' + words.textContent)";

/// Replaces words of the text as typing does.
fn typed(words: &str, by: &str) -> String {
    format!(
        "const area = document.querySelector('#text'); const at = area.value.indexOf({words}); \
        area.setRangeText({by}, at, at + {words}.length, 'end'); \
        area.dispatchEvent(new InputEvent('input', {{bubbles: true}}))",
        words = json!(words),
        by = json!(by),
    )
}

async fn editing(width: u32, scheme: &str) -> Option<(Server, Window)> {
    let server = Server::start().await;
    let window = Window::open(width, scheme).await?;
    server.person("Administrator").await;
    sign_in(&window, &server, "/policies").await;
    window.go(&format!("{}/policies/file?name=cards.toml", server.base())).await;
    Some((server, window))
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_the_check_means_are_underlined_while_one_types() {
    let Some((server, window)) = editing(1366, "light").await else { return };
    let underlined = async |wanted: &[&str]| {
        let wanted = json!(wanted);
        window.until(&format!("{} + '' === '' + {wanted}", UNDERLINED)).await;
    };
    window.run(&typed("Numbers", "\t漢字 😀 Numbers")).await;
    window.run(&typed("\"high\"", "\"worst\"")).await;
    underlined(&["error:\"worst\""]).await;
    // They stand where the words stand, and the message is below their line while the cursor is in it.
    let apart = "const words = document.querySelector('.editor u').getBoundingClientRect(); \
        const line = document.querySelector('#text').getBoundingClientRect(); \
        return [words.top > line.top, words.left > line.left, words.width > 20]";
    assert_eq!(window.run(apart).await, json!([true, true, true]));
    window.click("#checked a[href='#text']").await;
    let chosen = "const area = document.querySelector('#text'); \
        return document.activeElement === area && area.value.slice(area.selectionStart, area.selectionEnd)";
    assert_eq!(window.run(chosen).await, json!("\"worst\""));
    let note = "const note = document.querySelector('.editor .note'); if (note.hidden) return ''; \
        const below = note.getBoundingClientRect().top - document.querySelector('.editor u').getBoundingClientRect().bottom; \
        return below >= 0 && below < 8 ? note.textContent : 'elsewhere ' + below";
    let said = window.run(note).await;
    assert!(said.as_str().unwrap().contains("worst"), "{said}");
    // Escape puts it away.
    window.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))").await;
    assert_eq!(window.run(note).await, json!(""));
    // Words that are edited lose their line until the next check; others keep it, wherever they move.
    let two = "const area = document.querySelector('#text'); area.value = area.value.replace('mode = \"on\"', 'mode = \"onn\"'); \
        area.dispatchEvent(new InputEvent('input', {bubbles: true}))";
    window.run(two).await;
    underlined(&["error:\"onn\"", "error:\"worst\""]).await;
    window.run("document.querySelector('#checked').scrollIntoView({block: 'end'})").await;
    window.picture("enforce-policy-diagnostics-1366-light").await;
    let moved = format!("{}; {UNDERLINED}", typed("id = 17", "# a line more\nid = 17"));
    assert_eq!(window.run(&moved).await, json!(["error:\"onn\"", "error:\"worst\""]));
    let edited = format!("{}; {UNDERLINED}", typed("\"onn\"", "\"off\""));
    assert_eq!(window.run(&edited).await, json!(["error:\"worst\""]));
    window.run(&typed("\"worst\"", "\"low\"")).await;
    window.until("return document.querySelector('#checked').textContent.includes('would be good')").await;
    underlined(&[]).await;
    let file = std::fs::read_to_string(server.dir.path().join("policies/cards.toml")).unwrap();
    assert_eq!(file, POLICY, "looking writes nothing");
    assert_eq!(window.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn underlined_words_lie_under_the_letters_of_the_text_on_each_screen() {
    for (width, scheme) in [(1366, "light"), (1366, "dark"), (375, "light")] {
        let Some((_server, window)) = editing(width, scheme).await else { return };
        // A long text with a long line, tabs and wide letters; nothing at the end, where something is wanted.
        let long = "const area = document.querySelector('#text'); \
            const more = Array.from({length: 90}, (_, n) => '# 漢字\\t😀 line ' + n + ' of a comment that is longer than a phone is wide, and so on').join('\\n'); \
            area.value = more + '\\n' + area.value.replace('high', 'worst') + '[[rule]]\\nname = \"x\"\\nall = [ { keyword = [\"a\"] } ]\\nb ='; \
            area.dispatchEvent(new InputEvent('input', {bubbles: true}))";
        window.run(long).await;
        window.until("return document.querySelectorAll('.editor u').length > 0").await;
        window.click("#checked a[href='#text']").await;
        window.until("return !document.querySelector('.editor .note').hidden").await;
        // The layer is laid out like the text: the same height up to there, and the same place for its words.
        let same = "const area = document.querySelector('#text'), sheet = document.querySelector('.under > div'); \
            const lines = area.value.split('\\n').length; \
            const style = name => [getComputedStyle(area)[name], getComputedStyle(sheet)[name]]; \
            const pairs = ['fontFamily', 'fontSize', 'lineHeight', 'tabSize', 'whiteSpace', 'overflowWrap', 'paddingLeft', 'paddingTop', 'letterSpacing'].map(style); \
            const different = pairs.filter(([a, b]) => a !== b); \
            const wide = Math.abs(sheet.clientWidth - area.clientWidth); \
            const end = Math.abs(sheet.scrollHeight - area.scrollHeight); \
            return [different, wide, end < 2 ? 'same' : end]";
        let found = window.run(same).await;
        assert_eq!(found, json!([[], 0, "same"]), "{width} {scheme}");
        window.picture(&format!("enforce-policy-editor-{width}-{scheme}")).await;
        let place = format!("the editor at {width} {scheme}");
        assert_eq!(window.barriers(&place).await, Vec::<String>::new());
        let wide = window.run("return document.documentElement.scrollWidth").await;
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{width} {scheme}: {wide}");
    }
}
