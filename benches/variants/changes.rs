//! The copies: each replaces one trick by the plain way, which is also what the trick is
//! compared with.

/// A copy: its name, and what is changed in it.
pub struct Variant(pub &'static str, pub &'static [Change]);

/// A change of one file.
pub struct Change {
    pub file: &'static str,
    pub find: Find,
    pub replace: &'static str,
}

/// What is replaced.
pub enum Find {
    /// Each occurrence of a text.
    Text(&'static str),
    /// The body of the function whose declaration begins like this.
    Body(&'static str),
}

const fn text(file: &'static str, find: &'static str, replace: &'static str) -> Change {
    Change { file, find: Find::Text(find), replace }
}

const fn body(file: &'static str, find: &'static str, replace: &'static str) -> Change {
    Change { file, find: Find::Body(find), replace }
}

const CELL: &str = "store/cell.rs";
const CLOCK: &str = "clock.rs";
const FUTURE: &str = "middleware/future.rs";
const GUARD: &str = "middleware/guard.rs";
const REGISTRY: &str = "exposition/custom/registry.rs";
const REQUEST_STATE: &str = "middleware/request_state.rs";
const POOL: &str = "store/pool.rs";
const ROUTE: &str = "request/route.rs";
const SCAN: &str = "exposition/custom/scan.rs";
const SHARD: &str = "store/shard.rs";
const SLOTS: &str = "store/slots.rs";
const TEMPLATE: &str = "exposition/custom/template.rs";
const WRITER: &str = "store/writer.rs";

pub const VARIANTS: [Variant; 17] = [
    Variant("unchanged", &[]),
    // Adds the trick: by default, the crate reads the system's clock.
    Variant("tsc", &[text(CLOCK, r#"feature = "tsc", "#, "")]),
    Variant(
        "locked_index",
        &[
            text(
                WRITER,
                "self.slots.borrow().get_request(key, addr);",
                "{
                    let labels = LabelSet {
                        key: Key::Request(key), addr, message: None, own: OwnValues::default(),
                    };
                    let series = self.recorder.family.get_or_insert(&labels);
                    series.and_then(|series| self.slots.borrow().by_series(series))
                };",
            ),
            text(
                SLOTS,
                "    others: HashTable<Slot>,",
                "others: HashTable<Slot>, by_series: Vec<Option<Slot>>,",
            ),
            text(
                SLOTS,
                "impl SlotCache {",
                "impl SlotCache {
                     pub(super) fn by_series(&self, series: SeriesId) -> Option<Slot> {
                         *self.by_series.get(series as usize)?
                     }",
            ),
            text(
                SLOTS,
                "match (request_key(labels), family.series(slot.series)) {",
                "let series = slot.series as usize;
                 self.by_series.resize(self.by_series.len().max(series + 1), None);
                 self.by_series[series] = Some(slot);
                 match (request_key(labels), family.series(slot.series)) {",
            ),
        ],
    ),
    Variant(
        "hashbrown_slots",
        &[
            text(
                SLOTS,
                "entries: Box<[Option<RequestSlot<K>>]>,",
                "entries: HashTable<RequestSlot<K>>,",
            ),
            body(
                SLOTS,
                "fn get(&self, key: K, addr",
                "let is_same = |entry: &RequestSlot<K>| entry.key == key && *entry.addr == *addr;
                 self.entries.find(self.hash(key, addr), is_same).map(|entry| entry.slot)",
            ),
            body(SLOTS, "fn insert(&mut self, slot: RequestSlot<K>)", "self.place(slot);"),
            body(
                SLOTS,
                "fn place(",
                "let mut entries = std::mem::take(&mut self.entries);
                 let hash = |slot: &RequestSlot<K>| self.hash(slot.key, &slot.addr);
                 entries.insert_unique(hash(&slot), slot, hash);
                 self.entries = entries;",
            ),
            text(
                SLOTS,
                "fn first_index(&self, key: K, addr: &str) -> usize {",
                "fn hash(&self, key: K, addr: &str) -> u64 {",
            ),
            text(SLOTS, " as usize & self.entries.len().wrapping_sub(1)", ""),
        ],
    ),
    Variant(
        "one_mutex",
        &[
            text(POOL, "thread::available_parallelism().map_or(1, NonZero::get);", "1;"),
            text(
                POOL,
                "self.writer.try_lock()",
                "self.writer.lock().map_err(TryLockError::Poisoned)",
            ),
        ],
    ),
    Variant(
        "new_state",
        &[
            text(REQUEST_STATE, "self.idle.borrow_mut().pop();", "None::<Box<RequestState>>;"),
            text(REQUEST_STATE, "if idle.len() < IDLE {", "if false {"),
        ],
    ),
    Variant(
        "inline_state",
        &[
            text(REQUEST_STATE, "self.idle.borrow_mut().pop();", "None::<Box<RequestState>>;"),
            text(REQUEST_STATE, "if idle.len() < IDLE {", "if false {"),
            text(GUARD, "Box<RequestState>", "RequestState"),
            text(REQUEST_STATE, "Box<RequestState>", "RequestState"),
            text(REQUEST_STATE, "Box::new(RequestState::new(method))", "RequestState::new(method)"),
            text(REQUEST_STATE, "self: Box<Self>", "self"),
        ],
    ),
    Variant("no_page_mark", &[text(GUARD, "MetricsPage::is_marked(response)", "false")]),
    Variant(
        "map_body",
        &[
            text(FUTURE, "let (request, response) = response.into_parts();", ""),
            text(
                FUTURE,
                "guard.on_response(&request, &response);",
                "guard.on_response(response.request(), response.response());",
            ),
            text(FUTURE, "let (response, body) = response.into_parts();", ""),
            text(
                FUTURE,
                "let body = EitherBody::left(BigBrotherBody::new(body, guard));",
                "let body = |_: &mut _, body| EitherBody::left(BigBrotherBody::new(body, guard));",
            ),
            text(
                FUTURE,
                "ServiceResponse::new(request, response.set_body(body))",
                "response.map_body(body)",
            ),
        ],
    ),
    Variant("atomic_add", &[body(CELL, "fn add(", "word.fetch_add(amount, Ordering::Relaxed);")]),
    Variant(
        "method_text",
        &[body(ROUTE, "fn method_label(", "MethodLabel::from_method(method.as_str())")],
    ),
    Variant(
        "always_pattern",
        &[text(ROUTE, "rest > 0 && status == StatusCode::NOT_FOUND", "false")],
    ),
    Variant(
        "flagged_slot",
        &[
            text(SHARD, "CellIndex = NonZero<u32>", "CellIndex = u32"),
            text(SHARD, "NonZero::new(u32::try_from(index + 1).ok()?)?", "index as u32"),
            text(SHARD, "cell.get() as usize - 1", "cell as usize"),
        ],
    ),
    Variant("no_templates", &[body(TEMPLATE, "fn fill(", "None")]),
    Variant(
        "bytewise_prefix",
        &[body(
            SCAN,
            "fn common_prefix(",
            "one.iter().zip(other).take_while(|(one, other)| one == other).count()",
        )],
    ),
    Variant(
        "std_numbers",
        &[text(TEMPLATE, "if is_end && (1..=EXACT_DIGITS)", "if false && (1..=EXACT_DIGITS)")],
    ),
    Variant(
        "string",
        &[
            text(REGISTRY, "TextBuffer::default()", "String::new()"),
            text(REGISTRY, "text.finish()", "Ok(text)"),
        ],
    ),
];
