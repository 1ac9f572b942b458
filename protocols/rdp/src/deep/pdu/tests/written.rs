//! What the gateway writes is what another reader reads.

use ironrdp_core::decode;
use ironrdp_pdu::mcs::{self as theirs, ConnectResponse, McsMessage};
use ironrdp_pdu::nego;
use ironrdp_pdu::rdp::headers::{ShareDataPdu, decode_share_data};
use ironrdp_pdu::rdp::server_error_info::{ErrorInfo, ProtocolIndependentConnectionBrokerCode};
use ironrdp_pdu::rdp::server_license::{LicenseErrorCode, LicensePdu, LicensingStateTransition};
use ironrdp_pdu::rdp::server_redirection::{ServerRedirectionFlags, decode_server_redirection};
use ironrdp_pdu::x224::{X224, X224Data};

use super::super::*;

fn message(tpkt: &[u8]) -> McsMessage<'_> {
    decode::<X224<McsMessage<'_>>>(tpkt).unwrap().0
}

#[test]
fn connection_confirms_are_read_by_both_readers_as_they_were_meant() {
    let confirm = connection_confirm(1, 1);
    let X224(read) = decode::<X224<nego::ConnectionConfirm>>(&confirm).unwrap();
    let flags = nego::ResponseFlags::EXTENDED_CLIENT_DATA_SUPPORTED;
    assert_eq!(read, nego::ConnectionConfirm::Response { flags, protocol: nego::SecurityProtocol::SSL });
    let selected = Confirm { flags: 1, answer: Answer::Selected(1) };
    assert_eq!(read_connection_confirm(&confirm), Ok(selected));

    let failure = negotiation_failure(1);
    let X224(read) = decode::<X224<nego::ConnectionConfirm>>(&failure).unwrap();
    assert_eq!(read, nego::ConnectionConfirm::Failure { code: nego::FailureCode::SSL_REQUIRED_BY_SERVER });
    let refused = Confirm { flags: 0, answer: Answer::Failure(1) };
    assert_eq!(read_connection_confirm(&failure), Ok(refused));

    let bare = [3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0];
    let nothing = Confirm { flags: 0, answer: Answer::Nothing };
    assert_eq!(read_connection_confirm(&bare), Ok(nothing));
}

#[test]
fn connect_response_grants_as_many_channels_as_were_asked_for_and_nothing_else() {
    for channels in 0..=31 {
        let tpkt = connect_response(0xb, channels);
        let X224(data) = decode::<X224<X224Data<'_>>>(&tpkt).unwrap();
        let read = decode::<ConnectResponse>(&data.data).unwrap();
        let blocks = read.conference_create_response.gcc_blocks();
        assert_eq!(read.channel_ids(), (1004..).take(channels).collect::<Vec<u16>>());
        assert_eq!(read.global_channel_id(), 1003);
        let asked = blocks.core.optional_data.client_requested_protocols.unwrap();
        assert_eq!(asked.bits(), 0xb);
        assert!(blocks.core.optional_data.early_capability_flags.unwrap().is_empty());
        assert!(blocks.message_channel.is_none() && blocks.multi_transport_channel.is_none());
        assert!(blocks.security.server_random.is_none());
        assert_eq!(read_connect_response(&tpkt), Ok(ServerIds::ours(channels)));
    }
}

#[test]
fn messages_of_the_domain_are_read_by_both_readers_as_they_were_meant() {
    let (user, channel) = (1008, 1005);
    assert!(matches!(message(&erect_domain()), McsMessage::ErectDomainRequest(_)));
    assert_eq!(mcs(&erect_domain()), Ok(Mcs::ErectDomain));
    assert!(matches!(message(&attach_user_request()), McsMessage::AttachUserRequest(_)));
    assert_eq!(mcs(&attach_user_request()), Ok(Mcs::AttachUserRequest));
    let confirm = attach_user_confirm(user);
    assert!(matches!(
        message(&confirm),
        McsMessage::AttachUserConfirm(theirs::AttachUserConfirm { result: 0, initiator_id: 1008 })
    ));
    assert_eq!(mcs(&confirm), Ok(Mcs::AttachUserConfirm { user }));
    let request = channel_join_request(user, channel);
    let expected = theirs::ChannelJoinRequest { initiator_id: user, channel_id: channel };
    assert_eq!(message(&request), McsMessage::ChannelJoinRequest(expected));
    assert_eq!(mcs(&request), Ok(Mcs::ChannelJoinRequest { user, channel }));
    let confirm = channel_join_confirm(user, channel);
    let expected = theirs::ChannelJoinConfirm {
        result: 0,
        initiator_id: user,
        requested_channel_id: channel,
        channel_id: channel,
    };
    assert_eq!(message(&confirm), McsMessage::ChannelJoinConfirm(expected));
    assert_eq!(mcs(&confirm), Ok(Mcs::ChannelJoinConfirm { channel }));
    assert!(matches!(message(&disconnect_ultimatum()), McsMessage::DisconnectProviderUltimatum(_)));
    assert_eq!(mcs(&disconnect_ultimatum()), Ok(Mcs::Disconnect));
}

#[test]
fn user_or_channel_that_is_not_granted_is_a_refusal() {
    let mut confirm = attach_user_confirm(1008);
    confirm[8] = 0xe0;
    assert_eq!(mcs(&confirm), Err(Malformed::Refused));
    let mut confirm = channel_join_confirm(1008, 1005);
    confirm[7] |= 1;
    assert_eq!(mcs(&confirm), Err(Malformed::Refused));
    let mut confirm = channel_join_confirm(1008, 1005);
    confirm[14] = 9;
    assert_eq!(mcs(&confirm), Err(Malformed::Channels));
}

#[test]
fn licence_says_that_none_is_needed() {
    let tpkt = license_valid_client();
    let said = theirs::decode_send_data_indication(&tpkt).unwrap();
    assert_eq!(said.channel_id, 1003);
    let LicensePdu::LicensingErrorMessage(license) = said.decode_user_data().unwrap() else {
        panic!("no licence")
    };
    assert_eq!(license.error_code, LicenseErrorCode::StatusValidClient);
    assert_eq!(license.state_transition, LicensingStateTransition::NoTransition);
}

#[test]
fn redirection_carries_the_line_with_its_end_and_nothing_else() {
    for line in [&b"Cookie: sekisho=AQEA"[..], &[b'x'; 235]] {
        let tpkt = redirection(line);
        let said = theirs::decode_send_data_indication(&tpkt).unwrap();
        let read = decode_server_redirection(said.user_data).unwrap().unwrap();
        assert_eq!(read.load_balance_info, Some([line, b"\r\n"].concat()));
        assert_eq!(read.wire_flags(), ServerRedirectionFlags::LOAD_BALANCE_INFO);
        assert_eq!(read.session_id, 0);
        // Share control says how long the whole is.
        assert_eq!(
            usize::from(u16::from_le_bytes([said.user_data[0], said.user_data[1]])),
            said.user_data.len()
        );
    }
}

#[test]
fn reason_is_told_before_the_end() {
    let tpkt = set_error_info(0x408);
    let said = theirs::decode_send_data_indication(&tpkt).unwrap();
    let ShareDataPdu::ServerSetErrorInfo(error) = decode_share_data(said).unwrap().pdu else {
        panic!("no reason")
    };
    let expected = ProtocolIndependentConnectionBrokerCode::DestinationPoolNotFree;
    assert_eq!(error.0, ErrorInfo::ProtocolIndependentConnectionBrokerCode(expected));
}
