//! Zones on their way to secondaries.

use tokio::net::TcpStream;

use super::messages::{answer, id, message, query, rcode, read, records, write};
use super::origin::{Origin, Seen};
use super::rig::{Rig, test};

const AXFR: u16 = 252;

/// A zone of one SOA before, one behind, and so many messages between them.
async fn zone(stream: &mut TcpStream, query: &[u8], messages: usize) {
    write(stream, &records(query, &[Some(7)], 0)).await;
    for _ in 0..messages {
        write(stream, &records(query, &[None; 20], 200)).await;
    }
    write(stream, &records(query, &[None, Some(7)], 9)).await;
}

async fn serve(mut stream: TcpStream, seen: &Seen, messages: usize) {
    while let Some(query) = seen.next(&mut stream).await {
        if query[query.len() - 3] == AXFR as u8 {
            zone(&mut stream, &query, messages).await;
        } else {
            write(&mut stream, &answer(&query)).await;
        }
    }
}

#[test]
fn zone_arrives_whole_and_in_order_beside_other_queries() {
    test(async {
        let origin = Origin::new(|_, stream, seen| async move { serve(stream, &seen, 300).await }).await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        let asked = message(0x1234, 0, "zone", AXFR);
        write(&mut client, &query(1, "x")).await;
        write(&mut client, &asked).await;
        write(&mut client, &query(2, "y")).await;
        let (mut transfer, mut others) = (Vec::new(), Vec::new());
        while transfer.len() < 302 || others.len() < 2 {
            let got = read(&mut client).await.unwrap();
            if id(&got) == 0x1234 { transfer.push(got) } else { others.push(id(&got)) }
        }
        assert_eq!(others, [1, 2]);
        assert_eq!(transfer[0], records(&asked, &[Some(7)], 0));
        assert!(transfer[1..301].iter().all(|m| *m == records(&asked, &[None; 20], 200)));
        assert_eq!(transfer[301], records(&asked, &[None, Some(7)], 9));
        // One that all share, and one of the transfer's own, which ends with it.
        assert_eq!(origin.seen.connections.get(), 2);
        rig.until(|| origin.seen.open.get() == 1).await;
        drop(client);
        rig.quiet().await;
        assert_eq!(rig.core.records.borrow().len(), 3);
    });
}

#[test]
fn fifth_transfer_at_a_time_is_refused() {
    test(async {
        let silent = Origin::silent().await;
        let rig = Rig::new(&[&silent]).await;
        let mut client = rig.client().await;
        for n in 0..5 {
            write(&mut client, &message(n, 0, "zone", AXFR)).await;
        }
        let got = read(&mut client).await.unwrap();
        assert_eq!((id(&got), rcode(&got)), (4, 5));
    });
}

#[test]
fn transfer_that_is_cut_ends_its_connection() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            if let Some(query) = seen.next(&mut stream).await {
                write(&mut stream, &records(&query, &[Some(7)], 0)).await;
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        write(&mut client, &message(1, 0, "zone", AXFR)).await;
        assert!(read(&mut client).await.is_some());
        assert_eq!(read(&mut client).await, None);
        drop(client);
        rig.quiet().await;
    });
}

#[test]
fn transfer_goes_to_another_server_where_the_first_fails() {
    test(async {
        let (nobody, origin) = (
            Origin::nobody().await,
            Origin::new(|_, stream, seen| async move { serve(stream, &seen, 0).await }).await,
        );
        let rig = Rig::new(&[&nobody, &origin]).await;
        let mut client = rig.client().await;
        write(&mut client, &message(1, 0, "zone", AXFR)).await;
        for _ in 0..2 {
            assert_eq!(rcode(&read(&mut client).await.unwrap()), 0);
        }
        let rig = Rig::new(&[&nobody]).await;
        assert_eq!(rcode(&rig.ask(&message(1, 0, "zone", AXFR)).await.unwrap()), 2);
        rig.quiet().await;
    });
}

#[test]
fn slow_reader_of_a_zone_gets_it_whole() {
    test(async {
        let origin = Origin::new(|_, stream, seen| async move { serve(stream, &seen, 3000).await }).await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        write(&mut client, &message(1, 0, "zone", AXFR)).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        for _ in 0..3002 {
            assert_eq!(id(&read(&mut client).await.unwrap()), 1);
        }
    });
}

#[test]
fn message_of_another_id_is_none_of_the_transfer_and_reaches_nobody() {
    test(async {
        // The client's other query is under way at another server, and this one knows its id.
        for begun in [false, true] {
            let origin = Origin::new(move |number, mut stream, seen| async move {
                let Some(query) = seen.next(&mut stream).await else { return };
                if number > 0 {
                    return zone(&mut stream, &query, 0).await;
                }
                if begun {
                    write(&mut stream, &records(&query, &[Some(7)], 0)).await;
                }
                write(&mut stream, &answer(&message(2, 0, "bank", 1))).await;
                let _ = seen.next(&mut stream).await;
            })
            .await;
            let other = Origin::echo().await;
            let rig = Rig::new(&[&origin, &other]).await;
            let mut client = rig.client().await;
            write(&mut client, &message(1, 0, "zone", AXFR)).await;
            while let Some(got) = read(&mut client).await {
                assert_eq!((id(&got), begun || rcode(&got) == 0), (1, true), "begun: {begun}");
                if !begun {
                    break;
                }
            }
            drop(client);
            rig.quiet().await;
        }
    });
}
