//! As much of XML as schema files need: elements and their attributes. Text between elements, comments and instructions are passed over; document types, which could define
//! anything, are refused.

use crate::base::{Error, Result};

/// Elements within elements.
const DEPTH_MAX: usize = 64;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    /// The line that it begins on, from 1.
    pub(super) line: u64,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The one element of a text. Errors have a line and column.
pub(super) fn parse(text: &str) -> Result<Element> {
    let mut parser = Parser { text, at: 0 };
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    while let Some(start) = parser.text[parser.at..].find('<') {
        let between = &parser.text[parser.at..parser.at + start];
        if open.is_empty() && !between.trim_start_matches('\u{feff}').trim().is_empty() {
            return Err(parser.error("text stands outside of the element"));
        }
        parser.at += start;
        if parser.skips("<!--", "-->")? || parser.skips("<![CDATA[", "]]>")? || parser.skips("<?", "?>")? {
            continue;
        }
        if parser.rest().starts_with("<!") {
            return Err(parser.error("document types are not read"));
        }
        let closed = if parser.rest().starts_with("</") {
            parser.at += 2;
            let name = parser.name()?;
            parser.space();
            parser.expect(">")?;
            let Some(element) = open.pop() else { return Err(parser.error(&format!("</{name}> closes nothing"))) };
            if element.name != name {
                return Err(parser.error(&format!("</{name}> closes <{}>", element.name)));
            }
            Some(element)
        } else {
            let (element, is_empty) = parser.element()?;
            if root.is_some() {
                return Err(parser.error("there is a second element"));
            }
            if is_empty {
                Some(element)
            } else {
                if open.len() >= DEPTH_MAX {
                    return Err(parser.error("elements are nested too deep"));
                }
                open.push(element);
                None
            }
        };
        if let Some(element) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => root = Some(element),
            }
        }
    }
    if let Some(element) = open.last() {
        return Err(parser.error(&format!("<{}> of line {} is never closed", element.name, element.line)));
    }
    root.ok_or_else(|| parser.error("there is no element"))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn line(&self) -> u64 {
        self.text[..self.at].matches('\n').count() as u64 + 1
    }

    fn error(&self, message: &str) -> Error {
        let column = self.text[..self.at].rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::parse(format!("not XML: {message}")).at_position(self.line(), column as u64)
    }

    /// Past something that begins and ends so, if it stands here.
    fn skips(&mut self, begin: &str, end: &str) -> Result<bool> {
        if !self.rest().starts_with(begin) {
            return Ok(false);
        }
        let Some(length) = self.rest().find(end) else { return Err(self.error(&format!("{begin} has no end"))) };
        self.at += length + end.len();
        Ok(true)
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn expect(&mut self, what: &str) -> Result<()> {
        if !self.rest().starts_with(what) {
            return Err(self.error(&format!("{what} is missing")));
        }
        self.at += what.len();
        Ok(())
    }

    fn name(&mut self) -> Result<String> {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        let length = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.error("a name is missing"));
        }
        let name = self.rest()[..length].to_string();
        self.at += length;
        Ok(name)
    }

    fn element(&mut self) -> Result<(Element, bool)> {
        let line = self.line();
        self.expect("<")?;
        let mut element = Element { name: self.name()?, line, ..Element::default() };
        loop {
            self.space();
            if self.rest().starts_with("/>") {
                self.at += 2;
                return Ok((element, true));
            }
            if self.rest().starts_with('>') {
                self.at += 1;
                return Ok((element, false));
            }
            let name = self.name()?;
            self.space();
            self.expect("=")?;
            self.space();
            let quote = match self.rest().chars().next() {
                Some(quote @ ('"' | '\'')) => quote,
                _ => return Err(self.error(&format!("the value of {name} is not in quotes"))),
            };
            self.at += 1;
            let Some(length) = self.rest().find(quote) else {
                return Err(self.error(&format!("the value of {name} has no end")));
            };
            let raw = &self.rest()[..length];
            let value =
                unescaped(raw).ok_or_else(|| self.error(&format!("the value of {name} has an unknown entity")))?;
            if element.attribute(&name).is_some() {
                return Err(self.error(&format!("{name} is given twice")));
            }
            self.at += length + 1;
            element.attributes.push((name, value));
        }
    }
}

fn unescaped(raw: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        let end = rest[at..].find(';')?;
        let entity = &rest[at + 1..at + end];
        text.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16),
                    None => number.parse(),
                };
                char::from_u32(code.ok()?)?
            }
        });
        rest = &rest[at + end + 1..];
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_with_attributes() {
        let root = parse("\u{feff}<?xml version=\"1.0\"?>\n<!-- <x> -->\n<T a='1 &lt; \"2\"'\n b=\"&#65;&#x42;&amp;\"><C/><![CDATA[<]]>text<D e=''></D></T>\n").unwrap();
        assert_eq!((root.name.as_str(), root.line), ("T", 3));
        assert_eq!(root.attribute("a"), Some("1 < \"2\""));
        assert_eq!(root.attribute("b"), Some("AB&"));
        assert_eq!(root.children.iter().map(|child| child.name.as_str()).collect::<Vec<_>>(), ["C", "D"]);
    }

    #[test]
    fn what_is_no_xml_is_told_with_its_place() {
        for text in [
            "",
            "x",
            "<",
            "<a",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a b/>",
            "<a b=1/>",
            "<a b='1/>",
            "<a b='1' b='2'/>",
            "<a b='&x;'/>",
            "<a b='&#xD800;'/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>",
            "<!-- <a/>",
            "<a/>x<b>",
            &"<a>".repeat(1_000),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("not XML"), "{text}: {error}");
        }
        let error = parse("<a>\n  <b c=/>\n</a>").unwrap_err();
        assert_eq!(error.position(), Some((2, 8)), "{error}");
    }
}
