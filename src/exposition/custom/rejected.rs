//! What is left out of a page, and why.

use std::fmt;

/// A part of the app's metrics that is not on the page. Displayed, a sentence for the log,
/// without values that differ between scrapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The family.
    pub(crate) name: String,
    pub(crate) part: Part,
    pub(crate) reason: Reason,
}

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Family,
    /// One line of a text.
    Line,
    Exemplar,
    /// The family, of OpenMetrics pages only.
    OpenMetrics,
}

impl Rejected {
    pub(crate) fn new(part: Part, name: &str, reason: Reason) -> Self {
        Self { name: name.to_owned(), part, reason }
    }

    pub(crate) fn family(name: &str, reason: Reason) -> Self {
        Self::new(Part::Family, name, reason)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    InvalidName,
    UnsupportedType(String),
    /// Another family has this name, for itself or for its samples.
    NameTaken(String),
    InvalidLabel(String),
    RepeatedLabel(String),
    /// The name in a line that is not a sample of the family.
    InvalidSample(String),
    RepeatedSample(String),
    /// The samples are not those of the family's type.
    Incomplete(&'static str),
    /// Its help text and its samples cannot be told apart.
    Unreadable,
    /// The line is neither a sample nor a comment, or repeats or contradicts another one.
    InvalidLine,
    InvalidExemplar,
    /// Valid in the text format only.
    TextOnly(&'static str),
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.part {
            Part::Family => write!(f, "the metric {name:?} is left out of the page: ")?,
            Part::Line => write!(f, "a line of the metric {name:?} is left out of the page: ")?,
            Part::Exemplar => {
                write!(f, "an exemplar of the metric {name:?} is left out of the page: ")?;
            }
            Part::OpenMetrics => {
                write!(f, "the metric {name:?} is left out of OpenMetrics pages: ")?;
            }
        }
        self.reason.fmt(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName => f.write_str(
                "its name is not a valid metric name; use ASCII letters, digits and `_`, and do \
                 not begin with a digit",
            ),
            Self::UnsupportedType(word) => {
                write!(f, "its type {word:?} is not supported; use another type of metric")
            }
            Self::NameTaken(taken) => write!(
                f,
                "another metric has the name {taken:?}; register each metric once, outside of \
                 the server's factory, and under a name of its own"
            ),
            Self::InvalidLabel(label) => write!(
                f,
                "{label:?} is not a valid label name; use ASCII letters, digits and `_`, and do \
                 not begin with a digit or `__`"
            ),
            Self::RepeatedLabel(label) => write!(
                f,
                "it has the label {label:?} twice; rename the metric's label or the constant one"
            ),
            Self::InvalidSample(name) => write!(
                f,
                "a sample {name:?} of it is not valid; check the names of its labels, and that it \
                 is encoded as the type that it is registered with"
            ),
            Self::RepeatedSample(sample) => {
                write!(f, "it has the sample {sample:?} twice; encode each label set once")
            }
            Self::Incomplete(what) => write!(f, "{what}; encode all samples of its type"),
            Self::Unreadable => f.write_str(
                "help texts and samples cannot be told apart; register each metric once, in the \
                 registry that `register` passes, with a help text of one line",
            ),
            Self::InvalidLine => f.write_str(
                "it is not valid in the text format, or `# HELP` or `# TYPE` is repeated or \
                 behind a sample; check what the source renders",
            ),
            Self::InvalidExemplar => f.write_str(
                "it is not valid; use valid label names, each once, and at most 128 characters \
                 in all",
            ),
            Self::TextOnly(why) => f.write_str(why),
        }
    }
}
