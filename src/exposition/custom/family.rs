//! One family of a user's registry, and how each format writes it.

use super::names::MetricType;
use super::rejected::{Reason, Rejected};
use super::samples::Samples;
use crate::exposition::format::Format;

/// A checked family of a user's registry.
#[derive(Debug)]
pub(crate) struct CustomFamily {
    pub(crate) name: String,
    pub(crate) metric_type: MetricType,
    /// The last part of the name. Empty if there is none.
    pub(crate) unit: String,
    /// Not escaped.
    pub(crate) help: String,
    pub(crate) samples: Samples,
}

impl CustomFamily {
    /// Writes the family, or nothing if `format` does not allow it.
    pub(crate) fn write(&self, format: Format, page: &mut String) -> Result<(), Rejected> {
        match format {
            Format::Text => self.write_text(page),
            Format::OpenMetrics => self.write_openmetrics(page)?,
        }
        Ok(())
    }

    fn write_openmetrics(&self, page: &mut String) -> Result<(), Rejected> {
        if let Some(why) = self.samples.text_only {
            let name = self.name.clone();
            return Err(Rejected { name, reason: Reason::TextOnly(why) });
        }
        self.write_help("", &['\\', '\n', '"'], page);
        page.extend(["# TYPE ", &self.name, " ", self.metric_type.word(), "\n"]);
        // OpenMetrics allows no unit for an info.
        if !self.unit.is_empty() && self.metric_type != MetricType::Info {
            page.extend(["# UNIT ", &self.name, " ", &self.unit, "\n"]);
        }
        page.push_str(&self.samples.lines);
        Ok(())
    }

    /// The text format has no units, no exemplars and no times of creation, its timestamps
    /// are in milliseconds, and counters and infos have the name of their samples.
    fn write_text(&self, page: &mut String) {
        let (suffix, word) = match self.metric_type {
            MetricType::Counter => ("_total", "counter"),
            MetricType::Info => ("_info", "gauge"),
            MetricType::Unknown => ("", "untyped"),
            MetricType::Gauge | MetricType::Histogram => ("", self.metric_type.word()),
        };
        self.write_help(suffix, &['\\', '\n'], page);
        page.extend(["# TYPE ", &self.name, suffix, " ", word, "\n"]);
        let mut written = 0;
        for edit in &self.samples.edits {
            page.push_str(&self.samples.lines[written..edit.range.start]);
            page.push_str(&edit.text);
            written = edit.range.end;
        }
        page.push_str(&self.samples.lines[written..]);
    }

    fn write_help(&self, suffix: &str, escaped: &[char], page: &mut String) {
        if self.help.is_empty() {
            return;
        }
        page.extend(["# HELP ", &self.name, suffix, " "]);
        for character in self.help.chars() {
            if escaped.contains(&character) {
                page.push('\\');
            }
            page.push(if character == '\n' { 'n' } else { character });
        }
        page.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{CustomFamily, Format, MetricType, Samples};

    fn family(metric_type: MetricType, lines: &[&str]) -> CustomFamily {
        let samples = Samples::read("", "a_s", metric_type, lines).expect("the samples are valid");
        let (name, unit) = ("a_s".to_owned(), "s".to_owned());
        CustomFamily { name, metric_type, unit, help: "\\ \"\n#".to_owned(), samples }
    }

    fn written(family: &CustomFamily, format: Format) -> String {
        let mut page = String::new();
        family.write(format, &mut page).expect("the format allows it");
        page
    }

    #[test]
    fn descriptors_differ_between_the_formats() {
        for (metric_type, sample, text, openmetrics) in [
            (MetricType::Counter, "a_s_total 1", "a_s_total counter", "a_s counter"),
            (MetricType::Gauge, "a_s 1", "a_s gauge", "a_s gauge"),
            (MetricType::Unknown, "a_s 1", "a_s untyped", "a_s unknown"),
            (MetricType::Info, "a_s_info 1", "a_s_info gauge", "a_s info"),
        ] {
            let family = family(metric_type, &[sample]);
            let (name, _) = text.split_once(' ').expect("a name and a type");
            let expected = format!("# HELP {name} \\\\ \"\\n#\n# TYPE {text}\n{sample}\n");
            assert_eq!(written(&family, Format::Text), expected);
            let unit = if metric_type == MetricType::Info { "" } else { "# UNIT a_s s\n" };
            let expected =
                format!("# HELP a_s \\\\ \\\"\\n#\n# TYPE {openmetrics}\n{unit}{sample}\n");
            assert_eq!(written(&family, Format::OpenMetrics), expected);
        }
    }

    #[test]
    fn the_text_format_has_no_exemplars_and_no_times_of_creation() {
        let lines = [
            r##"a_s_total{x="# {"} 1 # {y="#"} 1 1.5"##,
            r##"a_s_created{x="# {"} 1.5"##,
            r##"a_s_total 1 -1.5 # {} 1"##,
            "a_s_created 1 2",
            "a_s_total{y=\"\"} 1 1712345678.9",
        ];
        let mut family = family(MetricType::Counter, &lines);
        family.help.clear();
        let text = written(&family, Format::Text);
        let expected = "# TYPE a_s_total counter\na_s_total{x=\"# {\"} 1\na_s_total 1 -1500\n\
                        a_s_total{y=\"\"} 1 1712345678900\n";
        assert_eq!(text, expected);
        let openmetrics = written(&family, Format::OpenMetrics);
        assert!(openmetrics.ends_with(&format!("{}\n", lines.join("\n"))), "{openmetrics}");
    }

    #[test]
    fn what_openmetrics_does_not_allow_is_left_out_of_it() {
        let family = family(MetricType::Counter, &["a_s_total -1"]);
        assert!(written(&family, Format::Text).ends_with("\na_s_total -1\n"));
        let mut page = String::new();
        let rejected = family.write(Format::OpenMetrics, &mut page).expect_err("it is negative");
        assert_eq!(page, "");
        assert!(rejected.to_string().contains("OpenMetrics pages"), "{rejected}");
    }
}
