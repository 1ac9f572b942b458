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
fn token_for_two_users_is_for_nobody() {
    let two: [&[u8]; 2] =
        [b"user=anna\x01user=ben\x01auth=Bearer t\x01\x01", b"user=anna\x01User=ben\x01\x01"];
    for response in two {
        assert!(Credentials::read(Mechanism::XOAuth2, response.to_vec().into()).is_none());
    }
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
fn scram_names_the_user_in_its_first_message_and_binds_to_no_channel() {
    for mechanism in [Mechanism::ScramSha256, Mechanism::ScramSha1] {
        assert_eq!(read(mechanism, b"n,,n=anna,r=abc"), named("anna", false));
        assert_eq!(read(mechanism, b"y,,n=an=2Cna=3D,r=abc"), named("an,na=", false));
        assert_eq!(read(mechanism, b"n,a=ben,n=anna,r=abc,x=y"), named("ben", true));
        for response in [
            &b"p=tls-exporter,,n=anna,r=abc"[..],
            b"",
            b"n,,n=anna",
            b"n,,n=anna,r=",
            b"n,,n=,r=abc",
            b"n,,r=abc,n=anna",
            b"n,a=,n=anna,r=abc",
            b"n,,n=an=na,r=abc",
            b"n,,n=an\x07na,r=abc",
            b"n,b,n=anna,r=abc",
            b"n,,m=ext,n=anna,r=abc",
        ] {
            assert_eq!(read(mechanism, response), None, "{response:?}");
        }
    }
}

#[test]
fn certificate_names_the_user_unless_the_client_acts_for_somebody() {
    let mailbox = |authzid: &[u8], subject: &[u8]| {
        Credentials::external(authzid.to_vec().into(), subject).map(|found| found.mailbox(None).to_vec())
    };
    assert_eq!(mailbox(b"", b"anna"), Some(b"anna".to_vec()));
    assert_eq!(mailbox(b"ben", b"anna"), Some(b"ben".to_vec()));
    assert_eq!(mailbox(b"", b""), None);
    assert_eq!(mailbox(b"b\0en", b"anna"), None);
    assert_eq!(read(Mechanism::External, b"anna"), None);
    assert_eq!(Mechanism::named(b"external"), None);
}

#[test]
fn set_holds_what_was_put_into_it_and_nothing_else() {
    for mechanism in Mechanism::ALL {
        let set: MechanismSet = [mechanism].into_iter().collect();
        assert!(Mechanism::ALL.into_iter().all(|other| set.contains(other) == (other == mechanism)));
        assert!(!set.contains(Mechanism::External) && !set.is_empty());
    }
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
    for response in [&b""[..], b"a", b"ab", b"abc", b"abcd"] {
        let mut text = b"x ".to_vec();
        encode_to(response, &mut text);
        assert_eq!(text, [b"x ", encode(response).as_bytes()].concat());
    }
    for text in [&b"AGEAYg"[..], b"AGEAYg=", b"AGEAYh==", b"AGEA Yg==", b"*", b"AGE-Yg=="] {
        assert!(decode(text).is_none(), "{text:?}");
    }
}

#[test]
fn credentials_never_print() {
    assert_eq!(format!("{:?}", Credentials::password(b"anna".into(), b"pw".into())), "Credentials(..)");
}
