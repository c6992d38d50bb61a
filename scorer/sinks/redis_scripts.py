"""The server-side scripts: each is one atomic step, and none lets an older version overwrite a newer value.

Versions are compared as text: digits of a fixed width sort alike in every locale that Redis may run in.
Many keys go through one MGET and one MSET, for each call from Lua costs about as much as the work it starts. MSET
takes a time to live away, and MGET skips keys of a foreign type instead of failing the batch.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from scorer.sinks.score_json import OPENING, VERSION_AT

ALERTS_KEPT = 100_000
"""Of the stream of alerts, or some more: Redis trims it by whole nodes."""


@dataclass(frozen=True)
class Script:
    """Lua source, known to Redis by its digest."""

    source: str

    @cached_property
    def sha(self) -> str:
        return hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


_VERSION = f"local function version(value) return string.sub(value, {VERSION_AT[0]}, {VERSION_AT[1]}) end"

_LIVE = """
-- Tells subscribers of `{namespace}:live:{kind}:{id}` which scores were just written: `pairs` holds keys and values by
-- turns, those of KPIs too.
-- Who listens is asked in the same step as the write, so that whoever subscribes and then reads misses nothing.
-- A replica's subscribers aren't known here, nor which channels a pattern means: then everything is published.
-- Returns why it isn't allowed to publish, or ''.
local find, sub, try = string.find, string.sub, redis.pcall

local function listening(channels, most)
  local info = try('INFO', 'stats', 'replication')
  if type(info) ~= 'string' then return nil end
  local function number(name) return tonumber(string.match(info, name .. ':(%d+)')) or 1 / 0 end
  if number('pubsub_patterns') + number('connected_slaves') > 0 or number('pubsub_channels') > most then return nil end
  local known = {}
  if number('pubsub_channels') == 0 then return known end
  local found = try('PUBSUB', 'CHANNELS', channels .. ':*')
  if found.err then return nil end
  for i = 1, #found do known[found[i]] = true end
  return known
end

local function publish(namespace, pairs)
  local scores = namespace .. ':score:'
  local live, model_at = namespace .. ':live', #scores + 1
  local known = listening(live, #pairs / 2)
  if known and not next(known) then return '' end
  for i = 1, #pairs, 2 do
    local key = pairs[i]
    local colon = find(key, ':', model_at, true)
    local channel = colon and live .. sub(key, colon)
    if sub(key, 1, #scores) == scores and (not known or known[channel]) then
      local model = sub(key, model_at, colon - 1)
      local outcome = try('PUBLISH', channel, sub(pairs[i + 1], 1, -2) .. ',"model":"' .. model .. '"}')
      if type(outcome) == 'table' then return outcome.err end
    end
  end
  return ''
end
"""

WRITE = Script(f"""{_VERSION}{_LIVE}
-- KEYS; ARGV: their values, then the namespace, a time to live in seconds, and the positions it is for.
-- Returns how many were refused because a newer value stands there, and why it can't publish.
local keys, argv = KEYS, ARGV
local stored = redis.call('MGET', unpack(keys))
local pairs, length, refused, count = {{}}, 0, {{}}, 0
for i = 1, #keys do
  local before, value = stored[i], argv[i]
  if before and version(before) > version(value) then
    refused[i] = true
    count = count + 1
  else
    pairs[length + 1], pairs[length + 2] = keys[i], value
    length = length + 2
  end
end
if length > 0 then redis.call('MSET', unpack(pairs)) end
for i = #keys + 3, #argv do
  local at = tonumber(argv[i])
  if not refused[at] then redis.call('EXPIRE', keys[at], argv[#keys + 2]) end
end
return {{count, publish(argv[#keys + 1], pairs)}}
""")

RANK = Script("""
-- KEYS: the sorted set, then score keys; ARGV: their members. Ranks by what is stored, whoever wrote it; who has no
-- score, or is freed (only those have a time to live), leaves. Returns how many left.
local add, remove = {}, {}
for i = 2, #KEYS do
  local member, value = ARGV[i - 1], redis.call('GET', KEYS[i])
  local score = value and string.match(value, '^{"v":"%d+","score":([-+.%deE]+),')
  if score and redis.call('PTTL', KEYS[i]) < 0 then
    add[#add + 1], add[#add + 2] = score, member
  else
    remove[#remove + 1] = member
  end
end
if #add > 0 then redis.call('ZADD', KEYS[1], unpack(add)) end
return #remove > 0 and redis.call('ZREM', KEYS[1], unpack(remove)) or 0
""")

SWEEP = Script(f"""{_VERSION}
-- KEYS; ARGV: of each the versions that stay, newer than the first, at most the second. Deletes the others, and what is
-- no score; what has a time to live is left to it. Returns how many were deleted.
local stored, deleted = redis.call('MGET', unpack(KEYS)), 0
for i = 1, #KEYS do
  local value = stored[i]
  local of = value and string.find(value, '^{OPENING}%d+",') and version(value)
  if not (of and ARGV[2 * i - 1] < of and of <= ARGV[2 * i]) and redis.call('PTTL', KEYS[i]) == -1 then
    deleted = deleted + redis.call('DEL', KEYS[i])
  end
end
return deleted
""")

ALERT = Script(f"""
-- KEYS: the stream; ARGV: of each alert the object, its id, rule and state.
for i = 1, #ARGV, 4 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', {ALERTS_KEPT}, '*',
    'alert', ARGV[i], 'id', ARGV[i + 1], 'rule', ARGV[i + 2], 'state', ARGV[i + 3])
end
""")

WRITTEN, REFUSED, VANISHED = 1, 0, -1

BEAT = Script(f"""{_VERSION}
-- KEYS; ARGV: their values, then for each '1' if it must be there already. Returns for each {WRITTEN} written,
-- {REFUSED} refused (a newer one stands there), {VANISHED} vanished: Redis has been emptied.
local outcomes = {{}}
for i = 1, #KEYS do
  local before, value = redis.call('GET', KEYS[i]), ARGV[i]
  if not before and ARGV[#KEYS + i] == '1' then
    outcomes[i] = {VANISHED}
  elseif before and version(before) > version(value) then
    outcomes[i] = {REFUSED}
  else
    redis.call('SET', KEYS[i], value)
    outcomes[i] = {WRITTEN}
  end
end
return outcomes
""")

BENCHMARK = Script("""
-- KEYS: one; ARGV: the value. Refused if the stored one is newer by its version and by its time: versions alone may
-- start anew when Kafka's topics are lost.
local stored = redis.call('GET', KEYS[1])
if stored then
  local before, after = cjson.decode(stored), cjson.decode(ARGV[1])
  if before.version > after.version and before.computed_at > after.computed_at then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
""")
