//! A request as it was, until its answer is there.

use std::rc::Rc;

use http::request::Parts;
use sekisho_api::{Lease, Route, Server};

use super::{Cause, Plan, Recorder};
use crate::codec::{Outgoing, Upload};
use crate::conn::Conn;
use crate::exchange::Exchange;
use crate::forward::Told;

/// A request that may be tried again: it may be said twice, as far as is known when it comes.
#[derive(Debug)]
pub(crate) struct Again {
    head: Parts,
    /// Whether it asks for another protocol, and whether it says who the client is.
    manner: (bool, Told),
    /// `None`: it has no body.
    body: Option<Rc<Recorder>>,
}

impl Again {
    /// Keeps what is needed of a request, if there is a plan for it and it may be said twice.
    pub(crate) fn keep(
        plan: Option<&Plan>,
        head: &Parts,
        body: &mut Upload,
        manner: (bool, Told),
        conn: &Conn,
    ) -> Option<Box<Self>> {
        let plan = plan?;
        conn.worker.budget.earn(conn.now());
        if !plan.admits(&head.method) {
            return None;
        }
        let body = match body.is_empty() {
            true => None,
            false => Some(body.record(plan.replay)?),
        };
        Some(Box::new(Self { head: head.clone(), manner, body }))
    }

    /// The request once more; none if its body is not all there.
    pub(crate) fn request(&self, pool: usize, exchange: &Exchange) -> Option<Outgoing> {
        let conn = exchange.conn();
        let body = match &self.body {
            None => Upload::nothing(conn.clone()),
            Some(recorder) => Upload::replayed(conn.clone(), recorder.replay()?),
        };
        let mut head = self.head.clone();
        if let Some(marked) = exchange.marked() {
            marked.tell_again(&mut head.headers);
        }
        Some(crate::proxy::outgoing(head, body, self.manner, pool, conn))
    }

    /// The request, and another server for it, where this cause is worth another try and there may be one.
    pub(crate) fn elsewhere(
        &self,
        plan: &Plan,
        cause: Cause,
        failed: &dyn Server,
        route: &mut Route,
        exchange: &Exchange,
    ) -> Option<(Outgoing, Lease)> {
        let conn = exchange.conn();
        let worker = &conn.worker;
        let (retry, now) = (&worker.settings.retry, conn.now());
        if !plan.is_on(cause) {
            return None;
        }
        let request = self.request(route.pool, exchange)?;
        if !worker.budget.has(plan.allowance, now) {
            retry.counts().denied(cause);
            return None;
        }
        // It stays the client's own server: it is there, and what failed may be the request's own doing.
        route.exclude.push(failed.id());
        route.doubted.push(failed.id());
        match worker.core.choose(route, &conn.facts) {
            Ok(lease) => {
                worker.budget.spend(now);
                retry.counts().made(cause);
                Some((request, lease))
            }
            Err(_) => {
                route.exclude.pop();
                route.doubted.pop();
                None
            }
        }
    }
}
