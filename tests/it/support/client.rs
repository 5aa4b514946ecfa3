//! An HTTP/1.1 client on a plain socket: it can send anything and disconnect at any
//! moment.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::patience::PATIENCE;

/// One connection, which is kept open between requests.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Received bytes that are not read yet.
    received: Vec<u8>,
}

/// A response with its decoded body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the end of the body was received.
    pub(crate) is_complete: bool,
}

impl Response {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body of UTF-8")
    }
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a TCP socket");
        Self { stream, received: Vec::new() }
    }

    /// Sends `bytes` as they are.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends the head of a request without a body; the connection stays open.
    #[track_caller]
    pub(crate) fn send_request(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        self.send(head + "\r\n");
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    #[track_caller]
    pub(crate) fn head(&mut self, path: &str) -> Response {
        self.request("HEAD", path, &[])
    }

    #[track_caller]
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        self.send_request(method, path, headers);
        if method == "HEAD" { self.read_head() } else { self.read_response() }
    }

    /// The next response with its body.
    #[track_caller]
    pub(crate) fn read_response(&mut self) -> Response {
        self.try_read_response().expect("an answer")
    }

    /// The next response, or why the connection ended before there was one. A response
    /// whose body breaks off is not complete.
    pub(crate) fn try_read_response(&mut self) -> std::io::Result<Response> {
        let mut response = self.try_read_head()?;
        let is_empty = response.status < 200 || matches!(response.status, 204 | 304);
        response.is_complete = is_empty || self.read_body(&mut response)?;
        Ok(response)
    }

    /// The head of the next response: the whole response to `HEAD`, and the beginning of a
    /// stream.
    #[track_caller]
    pub(crate) fn read_head(&mut self) -> Response {
        self.try_read_head().expect("the head of an answer")
    }

    fn try_read_head(&mut self) -> std::io::Result<Response> {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at;
            }
            self.must_receive()?;
        };
        let head: Vec<u8> = self.received.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':'));
        Ok(Response {
            status: status.ok_or_else(|| std::io::Error::other(format!("no HTTP: {head:?}")))?,
            headers: headers.map(|(key, value)| (key.into(), value.trim().into())).collect(),
            body: Vec::new(),
            is_complete: true,
        })
    }

    fn read_body(&mut self, response: &mut Response) -> std::io::Result<bool> {
        if response.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            return self.read_chunks(&mut response.body);
        }
        match response.header("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => self.read_exactly(length, &mut response.body),
            None => {
                while self.receive()? {}
                response.body = std::mem::take(&mut self.received);
                Ok(true)
            }
        }
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> std::io::Result<bool> {
        while let Some(size) = self.read_line()? {
            let length = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
            let is_whole = self.read_exactly(length, body)? && self.read_line()?.is_some();
            if length == 0 || !is_whole {
                return Ok(is_whole);
            }
        }
        Ok(false)
    }

    /// The next chunk of a chunked body, `None` after the last one.
    #[track_caller]
    pub(crate) fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.read_line().expect("a chunk").expect("a chunk's length");
        let length = usize::from_str_radix(size.trim(), 16).expect("a chunk's length");
        let mut chunk = Vec::new();
        assert!(self.read_exactly(length, &mut chunk).expect("a chunk"), "a chunk broke off");
        self.read_line().expect("a chunk's end");
        (length > 0).then_some(chunk)
    }

    /// A line without its end; `None` if the connection ended.
    fn read_line(&mut self) -> std::io::Result<Option<String>> {
        loop {
            if let Some(at) = self.received.windows(2).position(|bytes| bytes == b"\r\n") {
                let line: Vec<u8> = self.received.drain(..at + 2).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..at]).into_owned()));
            }
            if !self.receive()? {
                return Ok(None);
            }
        }
    }

    /// `false` if the connection ended before.
    fn read_exactly(&mut self, length: usize, into: &mut Vec<u8>) -> std::io::Result<bool> {
        while self.received.len() < length {
            if !self.receive()? {
                into.append(&mut self.received);
                return Ok(false);
            }
        }
        into.extend(self.received.drain(..length));
        Ok(true)
    }

    fn must_receive(&mut self) -> std::io::Result<()> {
        if self.receive()? { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Receives some bytes; `false` at the end of the connection.
    fn receive(&mut self) -> std::io::Result<bool> {
        let mut bytes = [0; 16 * 1024];
        let length = match self.stream.read(&mut bytes) {
            Ok(length) => length,
            // A server that drops a response may reset the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error),
        };
        self.received.extend_from_slice(&bytes[..length]);
        Ok(length > 0)
    }

    /// Waits until the server has closed the connection.
    #[track_caller]
    pub(crate) fn read_to_end(mut self) -> Vec<u8> {
        while self.receive().expect("the server closes the connection") {}
        self.received
    }

    /// Resets the connection, as a process that is killed.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a TCP socket");
    }

    /// Closes the sending side of the connection.
    pub(crate) fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("an open connection");
    }
}
