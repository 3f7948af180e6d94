-- What names a ticket to buttons and forms: no restore gives it twice. Tickets from before have none.
ALTER TABLE tickets ADD COLUMN uid TEXT NOT NULL DEFAULT '';
-- The message whose words make the title.
ALTER TABLE tickets ADD COLUMN titled_by_json TEXT;

ALTER TABLE messages ADD COLUMN joined INTEGER NOT NULL DEFAULT 0 CHECK (joined IN (0, 1));

-- A message that was joined to a request that its author had just made: no line of the bot stands there, so that what others
-- answer to it is nobody's. Until now, the thread under it belonged to the ticket.
UPDATE messages SET joined = 1 WHERE EXISTS (
    SELECT 1 FROM conversations AS c JOIN tickets AS t ON t.id = c.ticket_id
    WHERE c.ticket_id = messages.ticket_id AND c.side = 'request' AND c.root <> '' AND c.root <> t.origin_root
      AND c.platform = messages.platform AND c.tenant = messages.tenant AND c.channel = messages.channel
      AND c.root = messages.message
);
-- Nor does a thread of others in which somebody went on with a request of theirs.
DELETE FROM conversations WHERE side = 'request' AND root <> '' AND EXISTS (
    SELECT 1 FROM tickets AS t WHERE t.id = conversations.ticket_id AND t.private = 0
      AND NOT (t.origin_platform = conversations.platform AND t.origin_tenant = conversations.tenant
               AND t.origin_channel = conversations.channel AND t.origin_root = conversations.root)
);

-- A timer that came too early (the settings gave its ticket longer meanwhile) counted as handled, and stayed. It comes again.
DELETE FROM seen WHERE key IN (SELECT 't:' || ticket_id || ':' || kind || ':' || due_at_ms FROM timers);
