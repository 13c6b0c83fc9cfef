use super::*;

#[test]
fn words_are_quoted_only_where_a_shell_needs_it() {
    let command = shell_command(&[
        "stormglass",
        "run",
        "takeover/power-loss",
        "--set",
        "a.b=1s",
    ]);
    assert_eq!(command, "stormglass run takeover/power-loss --set a.b=1s");
    assert_eq!(
        shell_command(&["a b", "", "it's", "$HOME"]),
        r"'a b' '' 'it'\''s' '$HOME'"
    );
    assert_eq!(
        shell_command(&["~/x", "#1", "a*", "日本"]),
        "'~/x' '#1' 'a*' '日本'"
    );
    assert_eq!(shell_command::<&str>(&[]), "");
}

#[test]
fn control_characters_are_quoted_in_ascii() {
    assert_eq!(shell_command(&["a\n'\\b"]), r"$'a\U0000000a\'\\b'");
    assert_eq!(shell_command(&["x\u{202e}y"]), r"$'x\U0000202ey'");
}

#[test]
fn a_short_command_is_one_line() {
    assert_eq!(command_lines(2, "stormglass run x"), ["  stormglass run x"]);
    assert_eq!(command_lines(2, ""), ["  "]);
}

#[test]
fn a_long_command_is_continued_between_its_words() {
    let command = format!("stormglass run x {}", "--set key=value ".repeat(10));
    let lines = command_lines(2, command.trim_end());
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| width_of(line) <= WIDTH));
    let joined: Vec<&str> = lines
        .iter()
        .flat_map(|line| line.trim_end_matches('\\').split_whitespace())
        .collect();
    assert_eq!(joined, command.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn a_quoted_word_is_never_broken() {
    let long = "word ".repeat(15);
    let words = ["stormglass", "run", &long, "it's a \"b c\"", "x\n y"];
    let command = shell_command(&words);
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    assert_eq!(shell_words(&command), quoted);
    assert_eq!(
        shell_words(r#"a "b \" c" d\ e"#),
        ["a", r#""b \" c""#, r"d\ e"]
    );
}

#[test]
fn a_command_cannot_smuggle_escapes() {
    assert_eq!(command_lines(0, "run \u{1b}[2J"), [r"run \u{1b}[2J"]);
}
