//! DATA and BDAT: receiving a message and having it answered.

use tokio::time::Instant;

use super::super::receive::{Body, Received};
use super::super::wire::Stop;
use super::super::{NotReceived, SpoolRules};
use super::*;
use crate::body::Framing;

impl<S: Service> Session<'_, S> {
    pub(super) async fn data(&mut self) -> Flow {
        let envelope = match &self.transaction {
            Transaction::Open(envelope) if envelope.accepted > 0 => *envelope,
            Transaction::Open(envelope) if envelope.refused > 0 => return self.error(own::no_recipients()),
            Transaction::Chunked(..) => return self.error(own::data_after_bdat()),
            Transaction::Spoiled => return self.error(own::chunk_discarded()),
            Transaction::Idle if self.offered().is_none() => return self.error(own::hello_first()),
            Transaction::Open(_) | Transaction::Idle => return self.error(own::no_transaction()),
        };
        self.in_step()?;
        let rules = match self.room().await? {
            Ok(rules) => rules,
            Err(refusal) => return self.say(&refusal),
        };
        let mut body = Body::new(rules, envelope.expected, Framing::Dots, self.config.line_ends);
        self.wire.reply(&own::start_mail_input());
        self.flush().await?;
        let received = self.receive(&mut body).await;
        self.whole_or_told(&body, received).await?;
        self.deliver(body).await
    }

    /// Asks the service for room; the smallest bound on the size counts.
    async fn room(&mut self) -> Result<Result<SpoolRules, Reply>, Over> {
        let ready = fenced(self.service.ready()).await;
        let offered = self.offered().and_then(|offer| offer.size).unwrap_or(0);
        Ok(self.survive(ready)?.map(|mut rules| {
            rules.max = rules.max.min(self.most(offered));
            rules
        }))
    }

    async fn flush(&mut self) -> Flow {
        let flushed = self.wire.flush().await;
        flushed.map_err(|stop| self.stopped(stop))
    }

    /// A session that ends within a message leaves a word of it.
    async fn whole_or_told(&mut self, body: &Body, received: Flow) -> Flow {
        let Err(Over(why)) = received else { return Ok(()) };
        if why != EndReason::Panic {
            let reply =
                body.refusal().cloned().filter(|_| why == EndReason::Flood).or_else(|| last_words(why));
            self.tell_not_received(&body.given_up(reply)).await?;
        }
        Err(Over(why))
    }

    async fn tell_not_received(&mut self, lost: &NotReceived) -> Flow {
        let told = fenced(self.service.not_received(lost)).await;
        self.survive(told)
    }

    /// Reads up to the end of DATA.
    async fn receive(&mut self, body: &mut Body) -> Flow {
        let mut clock = Clock::start(self.config);
        let (buffer, _) = body.buffer();
        self.wire.take_unread(buffer, usize::MAX);
        loop {
            if let Some(rest) = body.digest().await {
                self.wire.give_back(&rest);
                return Ok(());
            }
            self.read_some(body, &mut clock).await?;
        }
    }

    /// Waits for more octets of a message, with a look at the clock and at the bound on what is thrown away.
    async fn read_some(&mut self, body: &mut Body, clock: &mut Clock) -> Flow {
        if body.dropped() > self.config.max_drain {
            let refusal = body.refusal().cloned().unwrap_or_else(own::message_too_big);
            self.wire.reply(&refusal);
            self.end.refused += 1;
            return Err(Over(EndReason::Flood));
        }
        loop {
            let (wait, what) = clock.next();
            let (buffer, room) = body.buffer();
            match self.wire.read_into(buffer, room, wait).await {
                Ok(()) => {
                    clock.octets_came();
                    return Ok(());
                }
                Err(Stop::Timeout) if matches!(what, Alarm::Tick) => {
                    let ticked = fenced(self.service.tick()).await;
                    self.survive(ticked)?;
                    clock.ticked();
                }
                Err(stop) => return Err(self.stopped(stop)),
            }
        }
    }

    /// The message is here, or is not to be had: its reply ends the transaction.
    async fn deliver(&mut self, body: Body) -> Flow {
        self.transaction = Transaction::Idle;
        let reply = match body.finish().await {
            Received::Whole(message, times) => {
                let answer = fenced(self.service.message(message, times)).await;
                self.survive(answer)?
            }
            Received::Refused(refused) => {
                self.tell_not_received(&refused).await?;
                let reset = fenced(self.service.reset()).await;
                self.survive(reset)?;
                self.end.refused += 1;
                return self.error(refused.reply.unwrap_or_else(own::processing_error));
            }
        };
        match reply.is_positive() {
            true => (self.end.accepted, self.errors) = (self.end.accepted + 1, 0),
            false => self.end.refused += 1,
        }
        self.pass_on(&reply)
    }

    // ---- BDAT (RFC 3030)

    pub(super) async fn bdat(&mut self, size: u64, last: bool) -> Flow {
        let refusal = match std::mem::replace(&mut self.transaction, Transaction::Spoiled) {
            Transaction::Chunked(envelope, body) => return self.chunk(envelope, body, size, last).await,
            Transaction::Open(envelope) if envelope.accepted > 0 => match self.room().await? {
                Ok(rules) => {
                    let expected = if last { size } else { envelope.expected };
                    let body = Body::new(rules, expected, Framing::Counted, self.config.line_ends);
                    return self.chunk(envelope, Box::new(body), size, last).await;
                }
                Err(refusal) => refusal,
            },
            Transaction::Open(envelope) if envelope.refused > 0 => own::no_recipients(),
            Transaction::Spoiled => own::chunk_discarded(),
            Transaction::Idle => {
                self.transaction = Transaction::Idle;
                if self.offered().is_none() { own::hello_first() } else { own::no_transaction() }
            }
            Transaction::Open(_) => own::no_transaction(),
        };
        self.refuse_chunk(size, last, refusal).await
    }

    async fn chunk(&mut self, envelope: Envelope, mut body: Box<Body>, size: u64, last: bool) -> Flow {
        let received = self.receive_counted(&mut body, size).await;
        self.whole_or_told(&body, received).await?;
        if last {
            return self.deliver(*body).await;
        }
        if let Some(refusal) = body.refusal().cloned() {
            self.tell_not_received(&body.given_up(Some(refusal.clone()))).await?;
            self.end.refused += 1;
            return self.error(refusal);
        }
        self.transaction = Transaction::Chunked(envelope, body);
        self.say(&own::chunk_taken(size))
    }

    /// Reads a chunk's octets, no more and no less.
    async fn receive_counted(&mut self, body: &mut Body, size: u64) -> Flow {
        let mut clock = Clock::start(self.config);
        let mut left = size;
        while left > 0 {
            let before = {
                let (buffer, _) = body.buffer();
                let before = buffer.len();
                self.wire.take_unread(buffer, usize::try_from(left).unwrap_or(usize::MAX));
                before
            };
            if body.buffer().0.len() == before {
                self.read_some(body, &mut clock).await?;
            }
            let (buffer, _) = body.buffer();
            let came = (buffer.len() - before) as u64;
            if came > left {
                // `left` is less than what came, which fits.
                let rest = buffer.split_off(before + left as usize);
                self.wire.give_back(&rest);
            }
            left -= came.min(left);
            body.digest().await;
        }
        Ok(())
    }

    /// Reads a refused chunk and throws it away; what follows it are commands again.
    pub(super) async fn refuse_chunk(&mut self, size: u64, last: bool, refusal: Reply) -> Flow {
        if size > self.config.max_drain {
            self.wire.reply(&refusal);
            return Err(Over(EndReason::Flood));
        }
        let mut clock = Clock::start(self.config);
        let mut left = size;
        let mut sink = Vec::new();
        while left > 0 {
            self.wire.take_unread(&mut sink, usize::try_from(left).unwrap_or(usize::MAX));
            if sink.is_empty() {
                let (wait, what) = clock.next();
                match self.wire.read_into(&mut sink, 16 * 1024, wait).await {
                    Err(Stop::Timeout) if matches!(what, Alarm::Tick) => clock.ticked(),
                    Err(stop) => return Err(self.stopped(stop)),
                    Ok(()) => clock.octets_came(),
                }
            }
            if sink.len() as u64 > left {
                let rest = sink.split_off(left as usize);
                self.wire.give_back(&rest);
            }
            left -= sink.len() as u64;
            sink.clear();
        }
        if last {
            self.forget_transaction().await?;
        }
        self.error(refusal)
    }
}

/// The three waits of a message: for the next octets, for the whole, and until the service wants to be called.
struct Clock {
    block: std::time::Duration,
    block_end: Instant,
    end: Instant,
    tick: std::time::Duration,
    tick_at: Instant,
}

enum Alarm {
    Tick,
    Timeout,
}

impl Clock {
    fn start(config: &ServerConfig) -> Self {
        let (timeouts, now) = (&config.timeouts, Instant::now());
        Self {
            block: timeouts.data_block,
            block_end: now + timeouts.data_init,
            end: now + timeouts.data_total,
            tick: timeouts.tick,
            tick_at: now + timeouts.tick,
        }
    }

    /// How long to wait now, and for what.
    fn next(&self) -> (std::time::Duration, Alarm) {
        let limit = self.block_end.min(self.end);
        let now = Instant::now();
        if self.tick_at < limit {
            (self.tick_at.saturating_duration_since(now), Alarm::Tick)
        } else {
            (limit.saturating_duration_since(now), Alarm::Timeout)
        }
    }

    fn octets_came(&mut self) {
        self.block_end = Instant::now() + self.block;
    }

    fn ticked(&mut self) {
        self.tick_at = Instant::now() + self.tick;
    }
}
