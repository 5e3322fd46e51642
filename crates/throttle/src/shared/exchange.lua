-- Writes a lane's state unless somebody else did in the meantime, by Redis's own clock.
--
-- KEYS: the state; whose turn it is to write it.
-- ARGV: who asks; the token of the state that the decision was made on, '' where there was none;
--       the instant of the decision in microseconds; by how many it may be older than now;
--       the new state, which begins with its token and a newline, or '' to read only;
--       how long the state is kept, and how long a turn lasts, in milliseconds.
-- Returns the outcome ('written', 'same' where the state is the known one, or 'other'), the time,
-- and the state where it is another.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('GET', KEYS[1]) or ''
local token = string.match(state, '^[^\n]*')
local turn = redis.call('GET', KEYS[2])
local free = not turn or turn == ARGV[1]
if ARGV[5] == '' or (token == ARGV[2] and free) then
  local age = now - ARGV[3]
  if ARGV[5] ~= '' and age >= 0 and age <= tonumber(ARGV[4]) then
    redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[6])
    if turn then
      redis.call('DEL', KEYS[2])
    end
    return {'written', time[1], time[2], ''}
  end
elseif free then
  -- Whoever came too late writes next, however far from Redis it is.
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[7])
end
if token == ARGV[2] and token ~= '' then
  return {'same', time[1], time[2], ''}
end
return {'other', time[1], time[2], state}
