//! The metrics page of one monitor: its own families, then those of the app.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::families::Families;
use crate::exposition::custom::family::CustomFamily;
use crate::exposition::custom::names::Names;
use crate::exposition::custom::rejected::Rejected;
use crate::exposition::families::FamilySnapshot;
use crate::exposition::format::{Format, PageFormat};
#[cfg(feature = "native-histograms")]
use crate::exposition::protobuf::page::ProtobufPage;
use crate::exposition::scrape::{Scrapes, Source};
use crate::exposition::sources::Sources;
use crate::exposition::writer::PageWriter;
use crate::store::series::ConstLabels;

/// The source of the page. Does not own the checks: dropping the last `Monitor` stops them
/// even if a collector or the encoder still holds this.
#[derive(Debug)]
pub(crate) struct PageSource {
    families: Arc<Families>,
    sources: Sources,
    scrapes: Scrapes,
    /// Whether OpenMetrics is offered to scrapers.
    has_openmetrics: AtomicBool,
    /// Length of the last page, which the next one is likely to have.
    last_length: AtomicUsize,
}

impl PageSource {
    pub(crate) fn new(families: Arc<Families>, const_labels: ConstLabels) -> Self {
        Self {
            families,
            sources: Sources::new(const_labels),
            scrapes: Scrapes::default(),
            has_openmetrics: AtomicBool::new(false),
            last_length: AtomicUsize::new(0),
        }
    }

    pub(crate) fn families(&self) -> &Arc<Families> {
        &self.families
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) fn offer_openmetrics(&self) {
        // Relaxed: a flag that is only ever set, and not ordered with anything else.
        self.has_openmetrics.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_openmetrics(&self) -> bool {
        // Relaxed: see above.
        self.has_openmetrics.load(Ordering::Relaxed) && !self.sources.has_text()
    }

    pub(crate) fn encode_text(&self, format: Format) -> String {
        self.encode_with(&[PageFormat::Text(format)], AnyWriter::finish_text)
            .pop()
            .unwrap_or_default()
    }

    #[cfg(feature = "native-histograms")]
    pub(crate) fn encode_protobuf(&self) -> Vec<u8> {
        self.encode(&[PageFormat::Protobuf]).pop().unwrap_or_default()
    }

    /// Encodes pages, each of which `finish` makes.
    fn encode_with<T: AsRef<[u8]>>(
        &self,
        formats: &[PageFormat],
        finish: impl Fn(AnyWriter) -> T,
    ) -> Vec<T> {
        // Relaxed: a hint, of which any recent value serves.
        let length = self.last_length.load(Ordering::Relaxed);
        let writer = |format: &PageFormat| AnyWriter::new(*format, length + length / 8);
        let mut writers: Vec<_> = formats.iter().map(writer).collect();
        let mut names = Names::default();
        let _: Result<(), ()> = self.families.try_for_each(|family| {
            let descriptor = &family.descriptor;
            // The first families of the page: their names are free.
            let _ = names.claim(&descriptor.full_name(), descriptor.metric_type);
            writers.iter_mut().for_each(|writer| writer.own_family(family));
            Ok(())
        });
        self.sources.read(|family| {
            if let Err(rejected) = names.claim(family.name, family.metric_type) {
                self.sources.log_once(rejected);
                return;
            }
            for writer in &mut writers {
                if let Err(rejected) = writer.custom_family(family) {
                    self.sources.log_once(rejected);
                }
            }
        });
        let pages: Vec<_> = writers.into_iter().map(finish).collect();
        let length = pages.iter().map(|page| page.as_ref().len()).max().unwrap_or(0);
        self.last_length.store(length, Ordering::Relaxed);
        pages
    }
}

impl Source for PageSource {
    fn scrapes(&self) -> &Scrapes {
        &self.scrapes
    }

    fn encode(&self, formats: &[PageFormat]) -> Vec<Vec<u8>> {
        self.encode_with(formats, AnyWriter::finish)
    }
}

/// The writer of a page in any format.
#[derive(Debug)]
enum AnyWriter {
    Text(PageWriter),
    #[cfg(feature = "native-histograms")]
    Protobuf(ProtobufPage),
}

impl AnyWriter {
    fn new(format: PageFormat, capacity: usize) -> Self {
        match format {
            PageFormat::Text(format) => Self::Text(PageWriter::new(format, capacity)),
            #[cfg(feature = "native-histograms")]
            PageFormat::Protobuf => Self::Protobuf(ProtobufPage::new(capacity)),
        }
    }

    fn own_family(&mut self, family: &FamilySnapshot<'_>) {
        match self {
            Self::Text(writer) => family.write(writer),
            #[cfg(feature = "native-histograms")]
            Self::Protobuf(page) => page.own_family(family),
        }
    }

    fn custom_family(&mut self, family: &CustomFamily<'_>) -> Result<(), Rejected> {
        match self {
            Self::Text(writer) => family.write(writer)?,
            #[cfg(feature = "native-histograms")]
            Self::Protobuf(page) => page.custom_family(family),
        }
        Ok(())
    }

    /// The page of a text format.
    fn finish_text(self) -> String {
        match self {
            Self::Text(writer) => writer.finish(),
            #[cfg(feature = "native-histograms")]
            Self::Protobuf(_) => String::new(),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Text(writer) => writer.finish().into_bytes(),
            #[cfg(feature = "native-histograms")]
            Self::Protobuf(page) => page.finish(),
        }
    }
}
