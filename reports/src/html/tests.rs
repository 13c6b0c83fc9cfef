//! Pages: what stands in them, and that nothing gets out of its place.

use super::*;
use crate::record::StoryRecord;
use crate::samples;

/// What stands between two texts, the first time.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).expect("the beginning is there");
    rest.split_once(after).expect("the end is there").0
}

fn style(page: &str) -> &str {
    between(page, "<style>", "</style>")
}

fn script(page: &str) -> &str {
    between(page, "<script>", "</script>")
}

fn data(page: &str) -> &str {
    between(
        page,
        "<script type=\"application/json\" id=\"story\">",
        "</script>",
    )
}

fn story_in(page: &str) -> StoryRecord {
    serde_json::from_str(data(page)).expect("the data is a story")
}

/// The page without what stands in files of its own.
fn frame(page: &str) -> String {
    page.replace(style(page), "…")
        .replace(script(page), "…")
        .replace(data(page), "…")
}

#[test]
fn a_page_says_what_a_run_came_to_before_any_script() {
    let page = run_page(&samples::story());
    let policy = between(&page, "Policy\" content=\"", "\"").to_owned();
    insta::assert_snapshot!(frame(&page).replace(&policy, "…"));
}

#[test]
fn the_data_is_the_whole_story() {
    let mut story = samples::story();
    let page = run_page(&story);
    // Those stand in the page itself, or in the marks.
    story.run.oracles.clear();
    story.run.timeline.clear();
    story.run.transitions.clear();
    story.run.command.clear();
    assert_eq!(story_in(&page), story);
    for lane in &story.lanes {
        assert!(data(&page).contains(&lane.name), "{}", lane.name);
    }
}

#[test]
fn what_comes_from_a_run_stays_text() {
    let hostile =
        "</script><script>alert(1)</script><!--<img src=x onerror='f()'>\"&\u{2028}\u{202e}";
    let mut story = samples::story();
    story.run.scenario = hostile.to_owned();
    story.run.command = format!("stormglass run '{hostile}'");
    story.run.findings[0].says = hostile.to_owned();
    story.run.faults.insert(hostile.to_owned(), 1);
    story.run.oracles[0].statement = hostile.to_owned();
    story.lanes[1].name = hostile.to_owned();
    story.marks[0].text = hostile.to_owned();
    let page = run_page(&story);
    let plain = run_page(&samples::story());
    for markup in [
        "<script", "</script", "<img", "<!--", "<!", "\u{2028}", "\u{202e}",
    ] {
        let count = |page: &str| frame(page).matches(markup).count();
        assert_eq!(count(&page), count(&plain), "{markup}");
    }
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!data(&page).contains(['<', '>', '&', '\u{2028}']));
    assert_eq!(story_in(&page).lanes[1].name, hostile);
    assert_eq!(script(&page), script(&plain), "code is the same for all");
}

#[test]
fn values_are_not_looked_at_for_names() {
    assert_eq!(
        fill("a {{x}} b {{y}}", &[("x", "{{y}}"), ("y", "1")]),
        "a {{y}} b 1"
    );
}

#[test]
fn the_policy_admits_this_style_and_this_script_and_nothing_else() {
    let page = run_page(&samples::story());
    let policy = between(&page, "Policy\" content=\"", "\"");
    let expected = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        source_hash(style(&page)),
        source_hash(script(&page))
    );
    assert_eq!(policy, expected);
    // As a browser computes it.
    assert_eq!(
        source_hash("alert('Hello, world.');"),
        "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
    );
}

#[test]
fn nothing_refers_to_elsewhere_and_nothing_becomes_code() {
    let page = run_page(&samples::story());
    for word in [
        "http:",
        "https:",
        "src=",
        "href=",
        "url(",
        "@import",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "import(",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "setAttribute(\"style\"",
        "localStorage",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    let frame = frame(&page);
    let handlers = frame.match_indices(" on").map(|(at, _)| &frame[at..]);
    let is_handler = |text: &str| {
        let name: String = text[1..]
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        text[1 + name.len()..].starts_with('=')
    };
    assert_eq!(handlers.filter(|text| is_handler(text)).count(), 0);
    assert!(!frame.contains("style=\""));
}

#[test]
fn every_element_ends() {
    check_elements(&frame(&run_page(&samples::story())));
}

fn check_elements(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        let name = tag.split_whitespace().next().expect("a tag has a name");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{part}"),
            None if ["!doctype", "meta", "input"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// A script asks for elements by their ids; each is there once.
#[test]
fn what_the_script_asks_for_is_there() {
    let page = run_page(&samples::story());
    let frame = frame(&page);
    let asked = script(&page).split("byId(\"").skip(1);
    let asked = asked.map(|rest| rest.split('"').next().expect("an id ends"));
    let asked = asked.filter(|id| !id.contains('`'));
    let mut count = 0;
    for id in asked {
        count += 1;
        assert_eq!(frame.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    assert!(count > 20, "{count}");
}

#[test]
fn a_run_of_which_nothing_was_recorded_has_a_page() {
    let page = run_page(&StoryRecord::untold(samples::failing_run()));
    assert!(frame(&page).contains("block 17 of set 3 differs"));
    assert_eq!(story_in(&page).end, 10_000_000_000);
}

#[test]
fn a_sweep_is_a_page() {
    let page = sweep_page("suite <cluster>", &samples::failing_sweep());
    let policy = between(&page, "Policy\" content=\"", "\"").to_owned();
    assert!(policy.contains(&source_hash(style(&page))));
    assert!(policy.contains(&source_hash(script(&page))));
    let frame = page.replace(style(&page), "…").replace(script(&page), "…");
    check_elements(&frame);
    assert!(!frame.contains("style=\""));
    insta::assert_snapshot!(frame.replace(&policy, "…"));
}

#[test]
fn a_bar_shows_every_part_and_stays_within_its_width() {
    let shown = markup::bar(
        "a < b",
        &[("good", 999_999), ("lost", 0), ("bad", 1)],
        1_000_000,
    );
    assert_eq!(
        shown,
        "<svg role=\"img\" aria-label=\"a &lt; b\" viewBox=\"0 0 1000 10\" \
         preserveAspectRatio=\"none\"><rect class=\"good\" x=\"0\" width=\"999\" height=\"10\">\
         </rect><rect class=\"bad\" x=\"996\" width=\"4\" height=\"10\"></rect></svg>"
    );
    assert!(!markup::bar("", &[("good", 0)], 0).contains("rect"));
}
