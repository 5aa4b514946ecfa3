//! Rust sources as tokens: as much of the language as it takes to see who names
//! whom. Comments are left out, literals are kept as one token without a text.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    /// `::`
    PathSeparator,
    Literal,
    Other(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text == word)
    }
}

/// A file, read.
#[derive(Debug)]
pub(crate) struct Source {
    all: Vec<Token>,
    /// Without modules of tests.
    code: Vec<Token>,
    lines: usize,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let all = tokens(text);
        Self { code: without_tests(&all), all, lines: text.lines().count() }
    }

    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// Everything, tests too.
    pub(crate) fn all_tokens(&self) -> &[Token] {
        &self.all
    }

    /// What is named directly below the crate's root, by `crate::` or by as many
    /// `super::` as lead there.
    pub(crate) fn named_from_the_root(&self, supers: usize) -> Vec<String> {
        let mut named = Vec::new();
        for start in self.beginnings_of_paths() {
            let rest = &self.code[start..];
            let steps = rest.chunks(2);
            let up = steps.take_while(
                |step| matches!(step, [word, Token::PathSeparator] if word.is("super")),
            );
            let up = up.count();
            if rest[0].is("crate") && rest.get(1) == Some(&Token::PathSeparator) {
                named.extend(next_words(&rest[2..]));
            } else if up > 0 && up == supers {
                named.extend(next_words(&rest[2 * up..]));
            }
        }
        named
    }

    /// Whether a path begins with this crate.
    pub(crate) fn begins_a_path_with(&self, name: &str) -> bool {
        self.beginnings_of_paths().any(|start| {
            let is_path = self.code.get(start + 1) == Some(&Token::PathSeparator);
            let is_import = start > 0 && self.code[start - 1].is("use");
            self.code[start].is(name) && (is_path || is_import)
        })
    }

    /// The keyword of each item of the file itself.
    pub(crate) fn items(&self) -> Vec<String> {
        let mut items = Vec::new();
        let mut rest = self.code.as_slice();
        while let Some(token) = rest.first() {
            match token {
                Token::Other('#') => {
                    rest =
                        after_brackets(&rest[if rest[1] == Token::Other('!') { 2 } else { 1 }..]);
                }
                Token::Word(word) if word == "pub" => {
                    let is_restricted = rest.get(1) == Some(&Token::Other('('));
                    rest = if is_restricted { after_brackets(&rest[1..]) } else { &rest[1..] };
                }
                Token::Word(word) => {
                    items.push(word.clone());
                    rest = after_item(rest);
                }
                _ => rest = &rest[1..],
            }
        }
        items
    }

    /// Each method, function of a path and macro (with its `!`) that is named, with
    /// the function that it stands in.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let mut calls = Vec::new();
        let mut function = "";
        for (at, token) in self.code.iter().enumerate() {
            let Token::Word(word) = token else { continue };
            let before = at.checked_sub(1).map(|before| &self.code[before]);
            if before.is_some_and(|before| before.is("fn")) {
                function = word;
            }
            let is_method =
                [Token::Other('.'), Token::PathSeparator].iter().any(|t| before == Some(t));
            let name = match self.code.get(at + 1) {
                Some(Token::Other('!')) => format!("{word}!"),
                _ if is_method => word.clone(),
                _ => continue,
            };
            calls.push((name, function.to_owned()));
        }
        calls
    }

    fn beginnings_of_paths(&self) -> impl Iterator<Item = usize> {
        (0..self.code.len()).filter(|at| {
            let is_word = matches!(self.code[*at], Token::Word(_));
            is_word && (*at == 0 || self.code[at - 1] != Token::PathSeparator)
        })
    }
}

/// The word that a path goes on with, or the first of each path in its braces.
fn next_words(tokens: &[Token]) -> Vec<String> {
    match tokens.first() {
        Some(Token::Word(word)) => vec![word.clone()],
        Some(Token::Other('{')) => {
            let mut words = Vec::new();
            let (mut depth, mut is_first) = (0, true);
            for token in tokens {
                match token {
                    Token::Other('{') => depth += 1,
                    Token::Other('}') => depth -= 1,
                    Token::Other(',') if depth == 1 => is_first = true,
                    Token::Word(word) if depth == 1 && is_first => {
                        words.push(word.clone());
                        is_first = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            words
        }
        _ => Vec::new(),
    }
}

fn after_brackets(tokens: &[Token]) -> &[Token] {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Other('(' | '[' | '{') => depth += 1,
            Token::Other(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &tokens[at + 1..];
        }
    }
    &[]
}

/// What follows an item: its end is a semicolon or a closed brace, but for `use`,
/// whose braces do not end it.
fn after_item(tokens: &[Token]) -> &[Token] {
    let is_use = tokens.first().is_some_and(|token| token.is("use"));
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Other('(' | '[' | '{') => depth += 1,
            Token::Other(')' | ']') => depth -= 1,
            Token::Other('}') => {
                depth -= 1;
                if depth == 0 && !is_use {
                    return &tokens[at + 1..];
                }
            }
            Token::Other(';') if depth == 0 => return &tokens[at + 1..],
            _ => {}
        }
    }
    &[]
}

/// Leaves out each `#[cfg(test)] mod … { … }`.
fn without_tests(all: &[Token]) -> Vec<Token> {
    let marker = tokens("#[cfg(test)] mod");
    let mut code = Vec::new();
    let mut rest = all;
    while !rest.is_empty() {
        if rest.starts_with(&marker) {
            rest = after_item(&rest[marker.len() - 1..]);
        } else {
            code.push(rest[0].clone());
            rest = &rest[1..];
        }
    }
    code
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if let Some(length) = comment(rest) {
            length
        } else if let Some(length) = literal(rest) {
            tokens.push(Token::Literal);
            length
        } else if is_word(first) {
            let length = rest.find(|other| !is_word(other)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        } else if rest.starts_with("::") {
            tokens.push(Token::PathSeparator);
            2
        } else {
            tokens.push(Token::Other(first));
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut depth = 0;
    let mut at = 0;
    while text.starts_with("/*") {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += text[at..].chars().next()?.len_utf8();
        }
    }
    None
}

/// The length of a string or character at the beginning of `text`. A lifetime is
/// none: its quote is not closed.
fn literal(text: &str) -> Option<usize> {
    let prefix = text.len() - text.trim_start_matches(['b', 'c']).len();
    let bare = &text[prefix..];
    if prefix < 2 && bare.starts_with('"') {
        return Some(prefix + quoted(bare, '"')?);
    }
    if prefix < 2 && bare.starts_with('r') {
        let hashes = bare[1..].len() - bare[1..].trim_start_matches('#').len();
        if let Some(body) = bare[1 + hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(prefix + 1 + hashes + 1 + body.find(&end)? + end.len());
        }
    }
    if !bare.starts_with('\'') || prefix > 1 {
        return None;
    }
    let mut characters = bare[1..].char_indices();
    let (_, first) = characters.next()?;
    let (after, second) = characters.next()?;
    match (first, second) {
        ('\\', _) => Some(prefix + quoted(bare, '\'')?),
        (_, '\'') => Some(prefix + 1 + after + 1),
        _ => None,
    }
}

fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return Some(at + 1);
        }
    }
    None
}
