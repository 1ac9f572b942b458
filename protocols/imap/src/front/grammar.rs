//! What a whole command means before login (RFC 9051, section 9), read as leniently as mail servers do and no more.

use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, map, opt};
use nom::multi::many0;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::frame::literal;

/// The longest tag.
const TAG_MAX: usize = 255;
/// The most fields of an ID command (RFC 2971, section 3.3).
const FIELDS_MAX: usize = 30;

/// A command and the tag that its answer carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tagged<'a> {
    pub(crate) tag: &'a [u8],
    pub(crate) command: Command<'a>,
}

/// A command before login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Capability,
    Noop,
    Logout,
    StartTls,
    /// Fields and their values, as far as they are there.
    Id(Vec<(Vec<u8>, Vec<u8>)>),
    Login {
        user: Vec<u8>,
        password: Vec<u8>,
    },
    /// The initial response may be `=`, which is an empty one (RFC 4959).
    Authenticate {
        mechanism: &'a [u8],
        initial: Option<&'a [u8]>,
    },
    /// Arguments that the command does not take.
    Syntax,
    /// A command for after the login, or none at all.
    Other,
}

/// Reads a whole command; none if it has no usable tag.
pub(crate) fn command(bytes: &[u8]) -> Option<Tagged<'_>> {
    let bytes = bytes.strip_suffix(b"\n")?;
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let (rest, tag) = tag(bytes).ok()?;
    let command = match word(rest) {
        Ok((arguments, name)) => arguments_of(name, arguments),
        Err(_) => Command::Other,
    };
    Some(Tagged { tag, command })
}

type Parsed<'a, T> = IResult<&'a [u8], T>;

fn arguments_of<'a>(name: &[u8], arguments: &'a [u8]) -> Command<'a> {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    let bare = |command| if arguments.trim_ascii_end().is_empty() { command } else { Command::Syntax };
    if is("CAPABILITY") {
        bare(Command::Capability)
    } else if is("NOOP") {
        bare(Command::Noop)
    } else if is("LOGOUT") {
        bare(Command::Logout)
    } else if is("STARTTLS") {
        bare(Command::StartTls)
    } else if is("LOGIN") {
        last(login, arguments)
    } else if is("AUTHENTICATE") {
        last(authenticate, arguments)
    } else if is("ID") {
        last(id, arguments)
    } else {
        Command::Other
    }
}

/// All of `arguments` by `parser`; spaces may follow.
fn last<'a>(parser: fn(&'a [u8]) -> Parsed<'a, Command<'a>>, arguments: &'a [u8]) -> Command<'a> {
    match all_consuming(terminated(parser, opt(spaces))).parse(arguments) {
        Ok((_, command)) => command,
        Err(_) => Command::Syntax,
    }
}

fn spaces(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while1(|byte| byte == b' ')(input)
}

/// `tag`: ASTRING-CHAR without `+` (RFC 9051, section 9).
fn tag(input: &[u8]) -> Parsed<'_, &[u8]> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\+".contains(&byte);
    let (rest, tag) = take_while1(allowed)(input)?;
    let ends = rest.first().is_none_or(|&byte| byte == b' ');
    if tag.len() > TAG_MAX || !ends {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Verify)));
    }
    Ok((rest, tag))
}

/// A command's or mechanism's name.
fn word(input: &[u8]) -> Parsed<'_, &[u8]> {
    preceded(spaces, take_while1(|byte: u8| byte.is_ascii_graphic())).parse(input)
}

fn login(input: &[u8]) -> Parsed<'_, Command<'_>> {
    let pair = (preceded(spaces, astring), preceded(spaces, astring));
    map(pair, |(user, password)| Command::Login { user, password }).parse(input)
}

fn authenticate(input: &[u8]) -> Parsed<'_, Command<'_>> {
    let initial = opt(preceded(spaces, take_while1(|byte: u8| byte.is_ascii_graphic())));
    map((word, initial), |(mechanism, initial)| Command::Authenticate { mechanism, initial }).parse(input)
}

/// `NIL`, or a list of fields and values (RFC 2971, section 4).
fn id(input: &[u8]) -> Parsed<'_, Command<'_>> {
    let field = (preceded(opt(spaces), string), preceded(spaces, nil_or_string));
    let list = delimited(char('('), many0(field), preceded(opt(spaces), char(')')));
    let fields = alt((map(tag_no_case("NIL"), |_| Vec::new()), list));
    let (rest, fields) = preceded(spaces, fields).parse(input)?;
    if fields.len() > FIELDS_MAX {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::TooLarge)));
    }
    let known = fields.into_iter().filter_map(|(field, value)| Some((field, value?)));
    Ok((rest, Command::Id(known.collect())))
}

fn nil_or_string(input: &[u8]) -> Parsed<'_, Option<Vec<u8>>> {
    alt((map(tag_no_case("NIL"), |_| None), map(string, Some))).parse(input)
}

fn astring(input: &[u8]) -> Parsed<'_, Vec<u8>> {
    alt((string, map(atom, <[u8]>::to_vec))).parse(input)
}

/// `%`, `*`, `\` and eight-bit characters stand in the passwords of clients that do not quote.
fn atom(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while1(|byte: u8| byte > b' ' && byte != 0x7f && !b"({\"".contains(&byte))(input)
}

fn string(input: &[u8]) -> Parsed<'_, Vec<u8>> {
    alt((quoted, literally)).parse(input)
}

/// `"…"` with `\"` and `\\`; neither CR, LF nor NUL.
fn quoted(input: &[u8]) -> Parsed<'_, Vec<u8>> {
    let (mut rest, _) = char('"')(input)?;
    let mut text = Vec::new();
    loop {
        match rest {
            [b'"', after @ ..] => return Ok((after, text)),
            [b'\\', escaped @ (b'"' | b'\\'), after @ ..] => {
                text.push(*escaped);
                rest = after;
            }
            [b'\\' | b'\r' | b'\n' | 0, ..] | [] => {
                return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Escaped)));
            }
            [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
        }
    }
}

/// `{n}` CRLF and n bytes, none of them NUL.
fn literally(input: &[u8]) -> Parsed<'_, Vec<u8>> {
    let wrong = || nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Char));
    let end = input.iter().position(|&byte| byte == b'\n').ok_or_else(wrong)?;
    let line = input.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let alone = line.iter().rposition(|&byte| byte == b'{') == Some(0);
    let announced = literal(line).filter(|_| alone).ok_or_else(wrong)?;
    let behind = input.get(end + 1..).unwrap_or_default();
    let (rest, text) = take(announced.size.ok_or_else(wrong)?)(behind)?;
    if text.contains(&0) {
        return Err(wrong());
    }
    Ok((rest, text.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Command<'_>> {
        command(text.as_bytes()).map(|tagged| tagged.command)
    }

    fn login(user: &str, password: &str) -> Option<Command<'static>> {
        Some(Command::Login { user: user.into(), password: password.into() })
    }

    #[test]
    fn login_is_read_in_every_form() {
        for text in [
            "a LOGIN anna pw\r\n",
            "a login  anna   pw  \r\n",
            "a LOGIN \"anna\" \"pw\"\n",
            "a LOGIN {4}\r\nanna {2}\r\npw\r\n",
            "a LOGIN anna {2+}\r\npw\r\n",
        ] {
            assert_eq!(read(text), login("anna", "pw"), "{text:?}");
        }
        assert_eq!(read("a LOGIN anna \"p\\\"\\\\w\"\r\n"), login("anna", "p\"\\w"));
        assert_eq!(read("a LOGIN anna %*\\]\r\n"), login("anna", "%*\\]"));
        assert_eq!(read("a LOGIN \"jörg\" \"ü\"\r\n"), login("jörg", "ü"));
        assert_eq!(read("a LOGIN \"\" {0}\r\n\r\n"), login("", ""));
        assert_eq!(read("a LOGIN {6}\r\n\r\nb NO pw\r\n"), login("\r\nb NO", "pw"));
    }

    #[test]
    fn arguments_that_are_wrong_are_told_from_commands_that_are_none() {
        for text in [
            "a LOGIN anna\r\n",
            "a LOGIN anna pw more\r\n",
            "a LOGIN (anna) pw\r\n",
            "a LOGIN \"anna pw\r\n",
            "a LOGIN \"an\\na\" pw\r\n",
            "a LOGIN an\"na pw\r\n",
            "a LOGIN {2}\r\na\0 pw\r\n",
            "a NOOP now\r\n",
            "a AUTHENTICATE\r\n",
            "a ID\r\n",
            "a ID (\"name\")\r\n",
        ] {
            assert_eq!(read(text), Some(Command::Syntax), "{text:?}");
        }
        for text in ["a SELECT INBOX\r\n", "a\r\n", "a \r\n", "a XYZZY\r\n", "GET / HTTP/1.1\r\n"] {
            assert_eq!(read(text), Some(Command::Other), "{text:?}");
        }
    }

    #[test]
    fn tag_is_every_legal_character_and_nothing_else() {
        let all: String = (0x21..0x7f).map(char::from).filter(|c| !"(){%*\"\\+".contains(*c)).collect();
        assert_eq!(command(format!("{all} NOOP\r\n").as_bytes()).map(|t| t.tag), Some(all.as_bytes()));
        for text in ["+ NOOP\r\n", " NOOP\r\n", "\r\n", "a* NOOP\r\n", "\x16\x03\x01 NOOP\r\n", "ä NOOP\r\n"]
        {
            assert_eq!(command(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(command(format!("{} NOOP\r\n", "a".repeat(256)).as_bytes()), None);
    }

    #[test]
    fn id_is_nil_or_fields_with_values() {
        assert_eq!(read("a ID NIL\r\n"), Some(Command::Id(Vec::new())));
        let fields = vec![(b"name".to_vec(), b"mutt".to_vec()), (b"x".to_vec(), b"y".to_vec())];
        let text = "a ID (\"name\" \"mutt\" \"version\" NIL \"x\" {1+}\r\ny)\r\n";
        assert_eq!(read(text), Some(Command::Id(fields)));
        let many = format!("a ID ({})\r\n", "\"a\" \"b\" ".repeat(31));
        assert_eq!(read(&many), Some(Command::Syntax));
    }

    #[test]
    fn authenticate_may_bring_its_first_response() {
        let of = |initial| Some(Command::Authenticate { mechanism: &b"PLAIN"[..], initial });
        assert_eq!(read("a AUTHENTICATE PLAIN\r\n"), of(None));
        assert_eq!(read("a authenticate PLAIN AGEAYg==\r\n"), of(Some(&b"AGEAYg=="[..])));
        assert_eq!(read("a AUTHENTICATE PLAIN =\r\n"), of(Some(&b"="[..])));
    }
}
