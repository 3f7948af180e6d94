-- One index for the tickets that are not over, by what never changes of them: a ticket that is claimed or written to then
-- stays where it is in it. Three did that work before, and each change of a ticket wrote a page of each.
DROP INDEX tickets_by_requester;
DROP INDEX tickets_open;
DROP INDEX tickets_not_closed;

CREATE INDEX tickets_live ON tickets (requester, opened_at_ms, id, status)
    WHERE status IN ('new', 'in_progress', 'pending', 'resolved');
