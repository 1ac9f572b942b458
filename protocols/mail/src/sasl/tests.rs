use super::*;

fn read(mechanism: Mechanism, response: &[u8]) -> Option<(String, bool)> {
    let credentials = Credentials::read(mechanism, response.to_vec().into())?;
    let mailbox = String::from_utf8(credentials.mailbox(Some(b'*')).to_vec()).unwrap();
    Some((mailbox, credentials.authzid.is_some()))
}

fn named(user: &str, acting: bool) -> Option<(String, bool)> {
    Some((user.to_owned(), acting))
}

#[test]
fn identity_acted_for_comes_before_the_one_that_logs_in() {
    assert_eq!(read(Mechanism::Plain, b"\0anna\0pw"), named("anna", false));
    assert_eq!(read(Mechanism::Plain, b"ben\0anna\0pw"), named("ben", true));
    assert_eq!(read(Mechanism::Plain, b"\0ben*anna\0pw"), named("ben", false));
    assert_eq!(read(Mechanism::Plain, b"\0*anna\0pw"), named("*anna", false));
}

#[test]
fn responses_that_name_nobody_are_none() {
    for response in
        [&b""[..], b"anna", b"\0anna", b"\0\0pw", b"\0anna\0pw\0", b"a\nb\0anna\0pw", b"\0an\rna\0pw"]
    {
        assert_eq!(read(Mechanism::Plain, response), None, "{response:?}");
    }
    for response in
        [&b"user=\x01auth=Bearer t\x01\x01"[..], b"user=anna\x01auth=Bearer t", b"auth=Bearer t\x01\x01"]
    {
        assert_eq!(read(Mechanism::XOAuth2, response), None, "{response:?}");
    }
    for response in
        [&b"n,,\x01auth=Bearer t\x01\x01"[..], b"y,a=anna,\x01\x01", b"n,a=an=na,\x01\x01", b"n,a=anna\x01"]
    {
        assert_eq!(read(Mechanism::OAuthBearer, response), None, "{response:?}");
    }
}

#[test]
fn token_mechanisms_name_the_user_beside_the_token() {
    assert_eq!(
        read(Mechanism::XOAuth2, b"user=anna@x.org\x01auth=Bearer t\x01\x01"),
        named("anna@x.org", false)
    );
    let response = b"n,a=an=2Cna=3D,\x01host=x\x01auth=Bearer t\x01\x01";
    assert_eq!(read(Mechanism::OAuthBearer, response), named("an,na=", false));
}

#[test]
fn login_asks_twice_or_once_if_the_name_comes_first() {
    let mut exchange = LoginExchange::default();
    assert!(matches!(exchange.step(None), LoginStep::Ask("VXNlcm5hbWU6")));
    assert!(matches!(exchange.step(Some(b"anna".to_vec().into())), LoginStep::Ask("UGFzc3dvcmQ6")));
    let LoginStep::Done(credentials) = exchange.step(Some(b"pw".to_vec().into())) else { panic!() };
    assert_eq!(credentials.as_plain().unwrap().as_slice(), b"\0anna\0pw");
    assert!(matches!(LoginExchange::default().step(Some(Secret::default())), LoginStep::Wrong));
}

#[test]
fn base64_is_taken_in_its_one_form_only() {
    assert_eq!(decode(b"AGEAYg==").unwrap().as_slice(), b"\0a\0b");
    assert_eq!(decode(b"=").unwrap().as_slice(), b"");
    for text in [&b"AGEAYg"[..], b"AGEAYg=", b"AGEAYh==", b"AGEA Yg==", b"*", b"AGE-Yg=="] {
        assert!(decode(text).is_none(), "{text:?}");
    }
}

#[test]
fn credentials_never_print() {
    assert_eq!(format!("{:?}", Credentials::password(b"anna".into(), b"pw".into())), "Credentials(..)");
}
