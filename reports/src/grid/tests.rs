use super::*;

fn rendered<const N: usize>(columns: [Column; N], rows: &[[&str; N]]) -> String {
    let mut grid = Grid::new(0, columns);
    for row in rows {
        grid.row(row.map(Cell::new));
    }
    let mut out = String::new();
    grid.render(Paint::Plain, &mut out);
    out
}

#[test]
fn columns_align_and_no_line_ends_in_blanks() {
    let out = rendered(
        [Column::Left, Column::Right, Column::Left],
        &[["a", "1", "x"], ["long", "1,000", ""], ["", "", "y"]],
    );
    assert_eq!(out, "a         1  x\nlong  1,000\n             y\n");
}

#[test]
fn wide_characters_count_as_two() {
    let out = rendered([Column::Left, Column::Left], &[["日本", "x"], ["abc", "y"]]);
    assert_eq!(out, "日本  x\nabc   y\n");
}

#[test]
fn the_widest_column_gives_way() {
    let sentence = "word ".repeat(40);
    let out = rendered([Column::Left, Column::Left], &[["id-0001", &sentence]]);
    assert!(out.starts_with("id-0001  word word"));
    assert!(out.lines().count() > 1);
    assert!(out.lines().all(|line| width_of(line) <= WIDTH), "{out}");
}

#[test]
fn a_narrow_column_wraps_with_room_to_spare() {
    let out = rendered([Column::Narrow(4), Column::Left], &[["abcdef", "text"]]);
    assert_eq!(out, "abcd  text\nef\n");
}

#[test]
fn a_word_without_blanks_is_broken() {
    let out = rendered([Column::Left], &[[&"x".repeat(250)]]);
    let widths: Vec<usize> = out.lines().map(width_of).collect();
    assert_eq!(widths, [100, 100, 50]);
}

#[test]
fn text_wraps_at_blanks() {
    assert_eq!(wrap("", 4), [""]);
    assert_eq!(wrap("abcd", 4), ["abcd"]);
    assert_eq!(wrap("ab cd ef", 5), ["ab cd", "ef"]);
    assert_eq!(wrap("ab cd ef", 4), ["ab", "cd", "ef"]);
    assert_eq!(wrap("abcdef gh", 4), ["abcd", "ef", "gh"]);
    assert_eq!(wrap("abcd    ", 4), ["abcd", ""]);
    assert_eq!(wrap("日本語", 4), ["日本", "語"]);
    assert_eq!(wrap("日", 1), ["日"]);
}

#[test]
fn colour_adds_nothing_but_escapes() {
    let mut grid = Grid::new(2, [Column::Left, Column::Right]);
    grid.row([Cell::inked(Ink::Bad, "bad"), Cell::inked(Ink::Good, "7")]);
    let (mut plain, mut colour) = (String::new(), String::new());
    grid.render(Paint::Plain, &mut plain);
    grid.render(Paint::Colour, &mut colour);
    assert_eq!(plain, "  bad  7\n");
    assert_eq!(
        colour,
        "  \u{1b}[1m\u{1b}[31mbad\u{1b}[0m  \u{1b}[32m7\u{1b}[0m\n"
    );
}
