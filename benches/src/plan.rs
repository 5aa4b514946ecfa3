//! The command line: which sections, and how long.

pub struct Plan {
    quick: bool,
    sections: Vec<String>,
}

impl Plan {
    pub fn new(arguments: impl Iterator<Item = String>, known: &[&str]) -> Self {
        let (flags, sections): (Vec<_>, Vec<_>) = arguments.partition(|one| one.starts_with("--"));
        for flag in &flags {
            assert_eq!(flag, "--quick", "unknown flag; there is only --quick");
        }
        for section in &sections {
            assert!(known.contains(&section.as_str()), "unknown section; there are {known:?}");
        }
        Self { quick: !flags.is_empty(), sections }
    }

    pub fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| section == wanted)
    }

    /// Only a long run of everything may replace the figures in the repository.
    pub fn is_complete(&self) -> bool {
        !self.quick && self.sections.is_empty()
    }

    /// A tenth of the rounds, for looking whether everything still works.
    pub fn rounds(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }
}
