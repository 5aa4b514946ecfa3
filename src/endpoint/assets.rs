//! The files of the dashboard, made ready once per process.

use std::hash::BuildHasher as _;
use std::io::Write as _;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use foldhash::quality::FixedState;

const PAGE: &str = include_str!("dashboard/page.html");

const STYLES: [&str; 2] =
    [include_str!("dashboard/uPlot.min.css"), include_str!("dashboard/style.css")];

const CHART_LIBRARY: &str = include_str!("dashboard/uPlot.iife.min.js");

/// The modules of the script, each after those that it imports.
const MODULES: [&str; 15] = [
    include_str!("dashboard/format.mjs"),
    include_str!("dashboard/text.mjs"),
    include_str!("dashboard/protobuf.mjs"),
    include_str!("dashboard/quantiles.mjs"),
    include_str!("dashboard/history.mjs"),
    include_str!("dashboard/groups.mjs"),
    include_str!("dashboard/counters.mjs"),
    include_str!("dashboard/figures.mjs"),
    include_str!("dashboard/poll.mjs"),
    include_str!("dashboard/dom.mjs"),
    include_str!("dashboard/charts.mjs"),
    include_str!("dashboard/tables.mjs"),
    include_str!("dashboard/scope.mjs"),
    include_str!("dashboard/panels.mjs"),
    include_str!("dashboard/main.mjs"),
];

/// A file as it is and compressed, with a hash of its content.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) content_type: &'static str,
    pub(super) text: String,
    pub(super) gzip: Vec<u8>,
    pub(super) hash: String,
}

impl Asset {
    fn new(content_type: &'static str, text: String) -> Self {
        let hash = format!("{:016x}", FixedState::default().hash_one(&text));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail.
        let _ = encoder.write_all(text.as_bytes());
        Self { content_type, gzip: encoder.finish().unwrap_or_default(), text, hash }
    }
}

#[derive(Debug)]
pub(crate) struct Assets {
    pub(super) page: Asset,
    pub(super) script: Asset,
    pub(super) style: Asset,
}

impl Assets {
    /// The assets. The first call joins and compresses them, in a few milliseconds.
    pub(crate) fn get() -> &'static Self {
        static ASSETS: OnceLock<Assets> = OnceLock::new();
        ASSETS.get_or_init(Self::new)
    }

    fn new() -> Self {
        let script = Asset::new("text/javascript; charset=utf-8", script());
        let style = Asset::new("text/css; charset=utf-8", STYLES.join("\n"));
        let page = PAGE.replace("{script}", &script.hash).replace("{style}", &style.hash);
        Self { page: Asset::new("text/html; charset=utf-8", page), script, style }
    }
}

/// One module made of all: a module cannot import another one by a relative address,
/// because all files of the dashboard have the same path. The names of their items are
/// therefore unique among all modules.
fn script() -> String {
    let mut is_import = false;
    let lines = MODULES.iter().flat_map(|module| module.lines()).filter(|line| {
        let was_import = is_import || line.starts_with("import ");
        is_import = was_import && !line.ends_with(';');
        !was_import
    });
    let lines = lines.map(|line| line.strip_prefix("export ").unwrap_or(line));
    [CHART_LIBRARY].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Assets, MODULES, script};

    #[test]
    fn all_assets_together_have_less_than_100_kb() {
        let Assets { page, script, style } = Assets::get();
        let lengths = [page, script, style].map(|asset| asset.gzip.len());
        assert!(lengths.iter().all(|length| *length > 0));
        assert!(lengths.iter().sum::<usize>() < 100_000, "{lengths:?}");
    }

    #[test]
    fn the_script_has_all_of_the_modules_but_their_imports() {
        let script = script();
        let lines: HashSet<_> = script.lines().collect();
        for module in MODULES {
            let code = module.rsplit_once(".mjs\";\n").map_or(module, |(_, code)| code);
            for line in code.lines() {
                assert!(lines.contains(line.strip_prefix("export ").unwrap_or(line)), "{line}");
            }
        }
        assert!(!script.contains(".mjs\""));
        assert!(!lines.contains("import {"));
    }
}
