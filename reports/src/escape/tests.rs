use std::borrow::Cow;

use super::*;

#[test]
fn plain_text_is_left_alone() {
    for text in ["", "west-1 → east-1, 4 KiB", "Grüße", "日本", r"C:\dir"] {
        assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
    }
}

#[test]
fn whatever_acts_on_a_terminal_is_spelled_out() {
    assert_eq!(escape("a\nb\tc\rd"), r"a\nb\tc\rd");
    assert_eq!(escape("\u{1b}[31mred"), r"\u{1b}[31mred");
    assert_eq!(escape("\u{0}\u{7}\u{8}\u{7f}"), r"\u{0}\u{7}\u{8}\u{7f}");
    assert_eq!(escape("\u{9b}31m"), r"\u{9b}31m");
}

#[test]
fn whatever_hides_or_reorders_text_is_spelled_out() {
    assert_eq!(escape("a\u{202e}b\u{2066}c"), r"a\u{202e}b\u{2066}c");
    assert_eq!(escape("pass\u{200b}ed\u{feff}"), r"pass\u{200b}ed\u{feff}");
    assert_eq!(escape("one\u{2028}two"), r"one\u{2028}two");
}
