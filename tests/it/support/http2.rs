//! An HTTP/2 client with prior knowledge on a plain socket: it can reset streams and drop its
//! connection at any moment.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::patience::PATIENCE;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

const CANCEL: u32 = 0x8;

/// The window of a stream and of a connection before any update.
const WINDOW: u32 = 65_535;

/// One connection with any number of streams.
#[derive(Debug)]
pub(crate) struct Http2 {
    stream: TcpStream,
    next: u32,
    /// The responses as far as they were received, by stream.
    responses: HashMap<u32, Http2Response>,
    reads: bool,
}

/// What was received on a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Http2Response {
    /// Zero before there is a head.
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) end: Option<End>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    Reset,
}

impl Http2 {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::with_window(address, WINDOW, true).expect("the server listens")
    }

    /// A connection that never makes room for more than `window` bytes of a response.
    #[track_caller]
    pub(crate) fn that_does_not_read(address: SocketAddr, window: u32) -> Self {
        Self::with_window(address, window, false).expect("the server listens")
    }

    fn with_window(address: SocketAddr, window: u32, reads: bool) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut client = Self { stream, next: 1, responses: HashMap::new(), reads };
        client.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        // The table of header fields (0x1) is empty: no response refers to another one.
        let settings = [(0x1, 0), (0x4, window)].map(|(setting, value): (u16, u32)| {
            [&setting.to_be_bytes()[..], &value.to_be_bytes()[..]].concat()
        });
        client.send(SETTINGS, 0, 0, &settings.concat())?;
        Ok(client)
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let length = u32::try_from(payload.len()).map_err(Error::other)?.to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame)
    }

    /// Sends the head of a request, whose body follows unless it `is_whole`.
    #[track_caller]
    pub(crate) fn begin(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        is_whole: bool,
    ) -> u32 {
        let mut block = vec![0x86];
        let authority = [(":authority", "test"), (":method", method), (":path", path)];
        for (name, value) in authority.iter().chain(headers) {
            // A header that is not added to the table.
            block.push(0);
            push_text(&mut block, name);
            push_text(&mut block, value);
        }
        let (id, end) = (self.next, if is_whole { END_STREAM } else { 0 });
        self.next += 2;
        self.send(HEADERS, END_HEADERS | end, id, &block).expect("the server reads");
        self.responses.insert(id, Http2Response::default());
        id
    }

    /// Sends a request without a body.
    #[track_caller]
    pub(crate) fn send_request(&mut self, method: &str, path: &str) -> u32 {
        self.begin(method, path, &[], true)
    }

    #[track_caller]
    pub(crate) fn send_data(&mut self, id: u32, bytes: &[u8], is_last: bool) {
        let end = if is_last { END_STREAM } else { 0 };
        self.send(DATA, end, id, bytes).expect("the server reads");
    }

    /// Resets a stream; the connection stays open.
    #[track_caller]
    pub(crate) fn reset_stream(&mut self, id: u32) {
        self.send(RST_STREAM, 0, id, &CANCEL.to_be_bytes()).expect("the server reads");
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Http2Response {
        let id = self.send_request("GET", path);
        self.read_response(id)
    }

    /// The response of a stream once it ended, whole or not.
    #[track_caller]
    pub(crate) fn read_response(&mut self, id: u32) -> Http2Response {
        self.read_until(id, |response| response.end.is_some());
        self.responses.remove(&id).expect("a stream of this connection")
    }

    /// Waits for what `is_reached` recognizes in the response of a stream.
    #[track_caller]
    pub(crate) fn read_until(&mut self, id: u32, is_reached: impl Fn(&Http2Response) -> bool) {
        while !is_reached(self.responses.get(&id).expect("a stream of this connection")) {
            self.read_frame().expect("a frame");
        }
    }

    /// Reads one frame, and responds to it if it asks for that.
    fn read_frame(&mut self) -> Result<()> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload)?;
        match (kind, flags) {
            (SETTINGS | PING, flags) if flags & ACK > 0 => Ok(()),
            (SETTINGS, _) => self.send(SETTINGS, ACK, 0, &[]),
            (PING, _) => self.send(PING, ACK, 0, &payload),
            (GOAWAY, _) => Err(Error::new(ErrorKind::ConnectionAborted, format!("{payload:?}"))),
            _ => self.read_stream(u32::from_be_bytes(id), kind, flags, payload),
        }
    }

    fn read_stream(&mut self, id: u32, kind: u8, flags: u8, payload: Vec<u8>) -> Result<()> {
        let length = u32::try_from(payload.len()).map_err(Error::other)?;
        // Frames of a stream that was reset are still on their way.
        if let Some(response) = self.responses.get_mut(&id) {
            match kind {
                HEADERS if response.status == 0 => response.status = status(&payload)?,
                DATA => response.body.extend(payload),
                RST_STREAM => response.end = Some(End::Reset),
                _ => {}
            }
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM > 0 {
                response.end = Some(End::Whole);
            }
        }
        if kind == DATA && length > 0 && self.reads {
            self.send(WINDOW_UPDATE, 0, 0, &length.to_be_bytes())?;
            if flags & END_STREAM == 0 {
                self.send(WINDOW_UPDATE, 0, id, &length.to_be_bytes())?;
            }
        }
        Ok(())
    }

    /// Resets the connection, as a process that is killed.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a TCP socket");
    }
}

/// Appends a text without compression; all that are sent are shorter than 127 bytes.
fn push_text(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).expect("a short text"));
    block.extend(text.as_bytes());
}

/// The status, which is the first field of a response's head.
fn status(block: &[u8]) -> Result<u16> {
    // Nothing but an update of the table's size precedes it.
    let start = block.iter().position(|byte| byte & 0xe0 != 0x20).unwrap_or_default();
    let field = &block[start..];
    let indexed = [200, 204, 206, 304, 400, 404, 500];
    match field {
        [first @ 0x88..=0x8e, ..] => Ok(indexed[usize::from(first - 0x88)]),
        [0x08 | 0x18 | 0x48, length, text @ ..] => {
            let text = &text[..usize::from(length & 0x7f)];
            let digits = if length & 0x80 > 0 { huffman_digits(text) } else { text.to_vec() };
            let digits = String::from_utf8(digits).map_err(Error::other)?;
            digits.parse().map_err(Error::other)
        }
        _ => Err(Error::other(format!("no status: {block:?}"))),
    }
}

/// Three digits in the Huffman code of HTTP/2: five bits for 0 to 2, six for the rest.
fn huffman_digits(bytes: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number << 1 | bit);
    let (mut rest, mut digits) = (&bits[..], Vec::new());
    while digits.len() < 3 {
        let short = number(&rest[..5]);
        let (digit, length) =
            if short < 3 { (short, 5) } else { (number(&rest[..6]) - 0b01_1001 + 3, 6) };
        digits.push(b'0' + digit);
        rest = &rest[length..];
    }
    digits
}
