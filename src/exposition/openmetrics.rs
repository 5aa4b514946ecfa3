//! Registries to one OpenMetrics page.

use std::collections::HashSet;
use std::fmt::{Error, Write};

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::metrics::verbatim::take_end_of_line;

/// One page of all metrics of all `registries`, closed by `# EOF`, and the names
/// of families that were there already: those are left out, because a page with a
/// family twice is refused as a whole.
pub(crate) fn encode<'a>(
    registries: impl IntoIterator<Item = &'a Registry>,
    capacity: usize,
) -> Result<(String, Vec<String>), Error> {
    let mut page = Page { text: String::with_capacity(capacity), ..Page::default() };
    // A metric that failed at the last scrape may have left something.
    drop(take_end_of_line());
    for registry in registries {
        text::encode_registry(&mut page, registry)?;
    }
    page.end_family();
    text::encode_eof(&mut page)?;
    Ok((page.text, page.repeated))
}

/// What prometheus-client writes next.
#[derive(Default)]
enum Part {
    #[default]
    Line,
    /// The name in a help line.
    HelpName,
    /// The help text: one piece, whatever it holds.
    Help,
    /// The rest of the help line.
    HelpEnd,
}

/// Escapes help texts on their way to the page.
///
/// prometheus-client writes a help text as it is, so one with a line break would
/// put lines of its own onto the page. A finished page no longer shows where the
/// text ended; the pieces in which it is written do.
#[derive(Default)]
struct Page {
    text: String,
    part: Part,
    families: HashSet<String>,
    /// Where the family under way begins, and whether it is to go.
    family: usize,
    is_repeated: bool,
    repeated: Vec<String>,
}

impl Page {
    fn begin_family(&mut self) {
        self.end_family();
        self.family = self.text.len();
        self.part = Part::HelpName;
    }

    fn name_family(&mut self) {
        let name = &self.text[self.family + HELP.len()..];
        if self.families.contains(name) {
            self.is_repeated = true;
            self.repeated.push(name.to_owned());
        } else {
            self.families.insert(name.to_owned());
        }
    }

    fn end_family(&mut self) {
        if std::mem::take(&mut self.is_repeated) {
            self.text.truncate(self.family);
        }
    }
}

const HELP: &str = "# HELP ";

impl Write for Page {
    fn write_str(&mut self, piece: &str) -> Result<(), Error> {
        match self.part {
            Part::Line => {
                if piece == "\n" {
                    self.text.push_str(&take_end_of_line());
                }
                if piece == HELP && (self.text.is_empty() || self.text.ends_with('\n')) {
                    self.begin_family();
                }
                self.text.push_str(piece);
            }
            Part::HelpName => {
                if piece == " " {
                    self.name_family();
                    self.part = Part::Help;
                }
                self.text.push_str(piece);
            }
            Part::HelpEnd if piece == "\n" => {
                self.part = Part::Line;
                self.text.push_str(piece);
            }
            Part::Help | Part::HelpEnd => {
                self.part = Part::HelpEnd;
                escape(piece, &mut self.text);
            }
        }
        Ok(())
    }
}

/// OpenMetrics escapes the double quote as well, unlike the text format.
fn escape(help: &str, out: &mut String) {
    for character in help.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::registry::Registry;

    use super::encode;

    #[test]
    fn a_help_text_cannot_forge_a_series() {
        for (help, escaped) in [
            ("one\nforged 1", "one\\nforged 1"),
            ("a \\ and a \"", "a \\\\ and a \\\""),
            ("\n", "\\n"),
            ("# HELP \n", "# HELP \\n"),
            (" ", " "),
            ("", ""),
        ] {
            let mut registry = Registry::with_prefix("x");
            registry.register("y", help, Counter::<u64>::default());
            let (page, _) = encode([&registry], 0).expect("encodes");
            let expected =
                format!("# HELP x_y {escaped}.\n# TYPE x_y counter\nx_y_total 0\n# EOF\n");
            assert_eq!(page, expected);
        }
    }

    #[test]
    fn a_family_registered_twice_stands_once() {
        let mut registry = Registry::default();
        for name in ["x", "y", "x", "z", "x"] {
            registry.register(name, "Help", Counter::<u64>::default());
        }
        let (page, repeated) = encode([&registry, &registry], 0).expect("encodes");
        for line in ["x_total 0", "y_total 0", "z_total 0", "# TYPE x counter", "# EOF"] {
            assert_eq!(page.lines().filter(|other| *other == line).count(), 1, "{page}");
        }
        assert_eq!(repeated.len(), 2 + 5);
    }

    #[test]
    fn a_label_that_looks_like_a_help_line_is_left_alone() {
        let label = (String::from("k").into(), String::from("# HELP ").into());
        let mut registry = Registry::with_labels([label].into_iter());
        registry.register("x", "Help", Counter::<u64>::default());
        let (page, _) = encode([&registry], 0).expect("encodes");
        assert!(page.contains("x_total{k=\"# HELP \"} 0\n# EOF\n"), "{page}");
    }
}
