//! What runs inside of the store, so that two gateways that write at once do not overwrite each other.
//!
//! An entry's value begins with what decides which of two is later: its stamp and its server's name, see
//! [`entry`](super::entry). Of two with one stamp the greater name counts, and none is the greatest: what somebody wanted
//! gone is gone. So do tables see it.

/// Keeps the later of two values, and tells everybody of one that is news.
///
/// KEYS: the entry's name. ARGV: its value, its life in milliseconds, how much longer a life must be to be worth a
/// word, the channel, and what stands before the value in a message there. Answers 1 for news, 0 for what was known,
/// or the later value that is there with the rest of its life.
pub(super) const SHARE: &[u8] = b"
local function order(value)
  local length = tonumber(string.sub(value, 21, 23))
  if not length then return nil end
  local server = length > 0 and string.sub(value, 24, 23 + length) or '\\255'
  return string.sub(value, 1, 20) .. server
end
local function greater(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a > b end
  end
  return #one > #other
end
local new, old = order(ARGV[1]), redis.call('GET', KEYS[1])
local was = old and order(old)
if was then
  local left = redis.call('PTTL', KEYS[1])
  if was == new then
    if left + tonumber(ARGV[3]) >= tonumber(ARGV[2]) then return 0 end
  elseif greater(was, new) then
    return {old, left}
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[4], ARGV[5] .. ARGV[1])
return 1
";

/// Reads a page of entries: values and the rests of their lives in turn. Strings only: others may keep other things.
pub(super) const PAGE: &[u8] = b"
local page = {}
for i, name in ipairs(KEYS) do
  local value = redis.pcall('GET', name)
  page[2 * i - 1] = type(value) == 'string' and value
  page[2 * i] = redis.call('PTTL', name)
end
return page
";
