//! Where a zone transfer ends (RFC 5936, section 2.2; RFC 1995, section 4).

use crate::wire;

/// Watches the messages of one transfer.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// The version that the client has, which IXFR tells.
    has: Option<u32>,
    /// The version that the server has: the serial of the first record.
    serial: Option<u32>,
    /// The second record is an SOA too: differences follow.
    differences: bool,
    records: u64,
    /// SOA records of the server's version.
    seen: u32,
}

impl Transfer {
    /// The transfer that `request` asks for.
    pub(crate) fn new(request: &[u8]) -> Self {
        let has = wire::records(request)
            .into_iter()
            .flatten()
            .map_while(Result::ok)
            .find(|record| record.section == wire::Section::Authority && record.kind == SOA)
            .and_then(|record| serial(request, &record));
        Self { has, serial: None, differences: false, records: 0, seen: 0 }
    }

    /// Takes the next message; true if it is the last one.
    ///
    /// What cannot be read ends nothing: the server closes, or says nothing more.
    pub(crate) fn last(&mut self, message: &[u8]) -> bool {
        if wire::rcode(message) != 0 {
            return true;
        }
        let Some(records) = wire::records(message) else { return false };
        let before = self.records;
        for record in records.map_while(Result::ok).filter(|r| r.section == wire::Section::Answer) {
            self.records += 1;
            let serial = (record.kind == SOA).then(|| serial(message, &record)).flatten();
            if self.records == 1 {
                // An answer that begins with something else is none of a transfer: it is all there is.
                let Some(serial) = serial else { return true };
                self.serial = Some(serial);
            }
            self.seen += u32::from(serial.is_some() && serial == self.serial);
            self.differences |= self.records == 2 && serial.is_some() && serial != self.serial;
        }
        match self.records {
            0 => true,
            // One SOA says that there is nothing newer, unless it is the beginning of a transfer in pieces.
            1 => before == 0 && self.has.is_some_and(|has| !newer(self.serial, has)),
            // The differences end with the version's SOA, and so does what led to it.
            _ => self.seen >= if self.differences { 3 } else { 2 },
        }
    }
}

/// Whether a serial is newer than what the client has (RFC 1982, section 3.2).
fn newer(serial: Option<u32>, has: u32) -> bool {
    serial.is_some_and(|serial| serial != has && serial.wrapping_sub(has) < 1 << 31)
}

/// The serial of an SOA record (RFC 1035, section 3.3.13): the first of five numbers at its end.
fn serial(message: &[u8], record: &wire::Record) -> Option<u32> {
    let (names, numbers) = message.get(record.data.clone())?.split_last_chunk::<20>()?;
    (!names.is_empty()).then(|| numbers.first_chunk().map(|&serial| u32::from_be_bytes(serial)))?
}

const SOA: u16 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const AXFR: u16 = 252;
    const IXFR: u16 = 251;

    /// A message about the root: SOA records by serial, and A records for `None`.
    fn message(question: Option<u16>, answers: &[Option<u32>], authority: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0x80, 0, 0, question.is_some().into()];
        bytes.extend([0, answers.len() as u8, 0, authority.len() as u8, 0, 0]);
        if let Some(kind) = question {
            bytes.push(0);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1]);
        }
        for record in answers.iter().copied().chain(authority.iter().copied().map(Some)) {
            let (kind, data) = match record {
                Some(serial) => (6, [&[0, 0][..], &serial.to_be_bytes(), &[0; 16]].concat()),
                None => (1, vec![192, 0, 2, 1]),
            };
            bytes.extend([0, 0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
            bytes.extend(data);
        }
        bytes
    }

    /// The number of the message that is taken for the last one.
    fn last(request: &[u8], messages: &[Vec<u8>]) -> Option<usize> {
        let mut transfer = Transfer::new(request);
        messages.iter().position(|message| transfer.last(message))
    }

    #[test]
    fn whole_zone_ends_with_its_soa_however_it_is_cut_into_messages() {
        let request = message(Some(AXFR), &[], &[]);
        let records = [Some(7), None, None, None, Some(7)];
        for first in 1..records.len() {
            for second in first..records.len() {
                let cuts = [&records[..first], &records[first..second], &records[second..]];
                let messages: Vec<_> =
                    cuts.iter().filter(|cut| !cut.is_empty()).map(|cut| message(None, cut, &[])).collect();
                assert_eq!(last(&request, &messages), Some(messages.len() - 1), "cut at {first}, {second}");
            }
        }
        assert_eq!(last(&request, &[message(None, &[Some(7), Some(7)], &[])]), Some(0));
        assert_eq!(last(&request, &[message(None, &records[..3], &[])]), None);
    }

    #[test]
    fn client_that_is_up_to_date_gets_one_soa() {
        let request = message(Some(IXFR), &[], &[7]);
        assert_eq!(last(&request, &[message(Some(IXFR), &[Some(7)], &[])]), Some(0));
        assert_eq!(last(&request, &[message(Some(IXFR), &[Some(6)], &[])]), Some(0));
        // The first piece of more.
        let pieces = [message(Some(IXFR), &[Some(8)], &[]), message(None, &[None, Some(8)], &[])];
        assert_eq!(last(&request, &pieces), Some(1));
    }

    #[test]
    fn differences_end_with_the_third_soa_of_the_new_version() {
        let request = message(Some(IXFR), &[], &[7]);
        let records = [Some(9), Some(7), None, Some(8), None, Some(8), None, Some(9), None, Some(9)];
        for cut in 1..records.len() {
            let messages = [message(None, &records[..cut], &[]), message(None, &records[cut..], &[])];
            assert_eq!(last(&request, &messages), Some(1), "cut at {cut}");
        }
    }

    #[test]
    fn errors_and_what_is_no_transfer_are_their_own_end() {
        let request = message(Some(AXFR), &[], &[]);
        let mut refused = message(Some(AXFR), &[], &[]);
        refused[3] = 5;
        assert_eq!(last(&request, &[refused]), Some(0));
        assert_eq!(last(&request, &[message(Some(AXFR), &[], &[])]), Some(0));
        assert_eq!(last(&request, &[message(Some(AXFR), &[None], &[])]), Some(0));
    }

    #[test]
    fn any_bytes_are_taken() {
        let whole = message(Some(AXFR), &[Some(7), None, Some(7)], &[3]);
        for end in 0..whole.len() {
            let mut transfer = Transfer::new(&whole[..end]);
            transfer.last(&whole[..end]);
        }
    }
}
