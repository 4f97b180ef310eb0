-- layerlab's frames and the queue that they carry, for Wireshark and tshark: on TCP, UDP and WebSocket.
-- Written from docs/protocols/queue.md; README.md beside this file says how to install it.

local frame = Proto("layerlab", "layerlab frame")
local queue = Proto("layerlab.queue", "layerlab queue")

local HEADER, TRAILER, MAX_PAYLOAD = 12, 4, 16 * 1024 * 1024

local types = {
  [0x01] = "HELLO", [0x02] = "DECLARE", [0x03] = "PUBLISH", [0x04] = "SUBSCRIBE", [0x05] = "ACK", [0x06] = "NACK",
  [0x07] = "UNSUBSCRIBE", [0x08] = "INSPECT", [0x09] = "DELETE", [0x0a] = "PURGE", [0x40] = "PING", [0x41] = "PONG",
  [0x42] = "CLOSE", [0x81] = "WELCOME", [0x82] = "DONE", [0x83] = "CONFIRM", [0x84] = "REFUSED", [0x85] = "DELIVER",
  [0x86] = "REPORT", [0x87] = "DUPLICATE",
}
local codes = {
  [0] = "normal", [1] = "going-away", [2] = "idle", [10] = "bad-frame", [11] = "bad-message", [12] = "unexpected",
  [13] = "too-slow", [20] = "unauthenticated", [21] = "forbidden", [30] = "no-queue", [31] = "differs", [32] = "full",
  [33] = "too-large", [34] = "not-unacked", [35] = "bad-subscription", [36] = "not-here", [37] = "bad-value",
  [40] = "limit", [41] = "storage",
}
local status = { [0] = "Bad", [1] = "Good" }

local f = {
  magic = ProtoField.string("layerlab.frame.magic", "Magic"),
  version = ProtoField.uint8("layerlab.frame.version", "Version"),
  type = ProtoField.uint8("layerlab.frame.type", "Type", base.DEC, types),
  length = ProtoField.uint32("layerlab.frame.length", "Length of the payload"),
  header_checksum = ProtoField.uint32("layerlab.frame.header_checksum", "Header's CRC-32C", base.HEX),
  header_status = ProtoField.uint8("layerlab.frame.header_checksum.status", "Header's checksum status", base.DEC, status),
  payload_checksum = ProtoField.uint32("layerlab.frame.payload_checksum", "Payload's CRC-32C", base.HEX),
  payload_status = ProtoField.uint8("layerlab.frame.payload_checksum.status", "Payload's checksum status", base.DEC, status),
}
frame.fields = { f.magic, f.version, f.type, f.length, f.header_checksum, f.header_status, f.payload_checksum, f.payload_status }

local bad_frame = ProtoExpert.new("layerlab.frame.bad", "No frame, or a corrupted one", expert.group.PROTOCOL, expert.severity.ERROR)
local bad_checksum = ProtoExpert.new("layerlab.frame.checksum_bad", "Bad checksum", expert.group.CHECKSUM, expert.severity.ERROR)
local bad_message = ProtoExpert.new("layerlab.queue.bad", "A payload that is not exactly its fields", expert.group.MALFORMED, expert.severity.ERROR)
frame.experts = { bad_frame, bad_checksum }
queue.experts = { bad_message }

-- The fields of a queue's messages: the kind of each is a function that reads it (see `readers`), or a table of the numbers
-- that an octet may hold.
local kinds = {
  client = "name", token = "name", server = "name", queue = "name", dead_letter = "name", id = "octets",
  request = "u32", subscription = "u32", prefetch = "u32", max_deliveries = "u32", window = "u32", deliveries = "u32",
  max_payload = "u32", idle_ms = "u32", seq = "u64", offset = "u64", max_messages = "u64", max_bytes = "u64",
  max_age_ms = "u64", value = "u64", first = "u64", last = "u64", number = "u64", ping = "u64", code = "code", what = "what",
  body = "rest", reason = "text", json = "text",
  kind = { [0] = "work", [1] = "topic" },
  policy = { [0] = "reject", [1] = "drop-oldest", [2] = "dead-letter" },
  mode = { [0] = "at most once", [1] = "at least once" },
  from = { [0] = "new", [1] = "start", [2] = "offset" },
  multiple = { [0] = "this one", [1] = "this one and all before it" },
  requeue = { [0] = "dead letter", [1] = "back to the head" },
}
local messages = {
  HELLO = { "client", "token" },
  DECLARE = { "request", "queue", "kind", "policy", "max_messages", "max_bytes", "max_age_ms", "max_deliveries", "window", "dead_letter" },
  PUBLISH = { "seq", "queue", "id", "body" },
  SUBSCRIBE = { "subscription", "queue", "prefetch", "mode", "from", "offset" },
  ACK = { "subscription", "multiple", "offset" },
  NACK = { "subscription", "requeue", "offset" },
  UNSUBSCRIBE = { "subscription" },
  INSPECT = { "request", "queue" },
  DELETE = { "request", "queue" },
  PURGE = { "request", "queue" },
  PING = { "ping" },
  PONG = { "ping" },
  CLOSE = { "code", "reason" },
  WELCOME = { "server", "max_payload", "idle_ms" },
  DONE = { "request", "value" },
  CONFIRM = { "first", "last" },
  REFUSED = { "what", "number", "code", "reason" },
  DELIVER = { "subscription", "offset", "deliveries", "id", "body" },
  REPORT = { "request", "json" },
  DUPLICATE = { "seq", "offset" },
}

local q, all = {}, {}
for name, kind in pairs(kinds) do
  local filter = "layerlab.queue." .. name
  if kind == "name" or kind == "text" then q[name] = ProtoField.string(filter, name, base.UNICODE)
  elseif kind == "octets" or kind == "rest" then q[name] = ProtoField.bytes(filter, name)
  elseif kind == "u32" then q[name] = ProtoField.uint32(filter, name)
  elseif kind == "u64" then q[name] = ProtoField.uint64(filter, name)
  elseif kind == "code" then q[name] = ProtoField.uint16(filter, name, base.DEC, codes)
  elseif kind == "what" then q[name] = ProtoField.uint8(filter, name, base.DEC, types)
  else q[name] = ProtoField.uint8(filter, name, base.DEC, kind) end
  all[#all + 1] = q[name]
end
queue.fields = all

-- CRC-32C (RFC 3720 appendix B.4), octet by octet.
local crcs = {}
for n = 0, 255 do
  local crc = n
  for _ = 1, 8 do
    local low = bit.band(crc, 1)
    crc = bit.rshift(crc, 1)
    if low == 1 then crc = bit.bxor(crc, 0x82f63b78) end
  end
  crcs[n] = crc
end

local function crc32c(range)
  local octets, crc = range:raw(), 0xffffffff
  for n = 1, #octets do
    crc = bit.bxor(bit.rshift(crc, 8), crcs[bit.band(bit.bxor(crc, octets:byte(n)), 255)])
  end
  return bit.bnot(crc) % 2 ^ 32
end

-- Whether a good header begins at `at`.
local function is_header(tvb, at)
  if tvb:reported_length_remaining(at) < HEADER or tvb:captured_len() < at + HEADER then return false end
  return tvb(at, 3):uint() == 0x4c4601 and tvb(at + 4, 4):uint() <= MAX_PAYLOAD and tvb(at + 8, 4):uint() == crc32c(tvb(at, 8))
end

-- How each kind of field is read: octets of its own, and the range of its value in them. `nil` where the payload ends inside it.
local function fixed(length)
  return function(rest) if rest:len() >= length then return length, rest(0, length) end end
end
local function short(rest)
  if rest:len() < 1 or rest:len() < 1 + rest(0, 1):uint() then return nil end
  local length = rest(0, 1):uint()
  return 1 + length, length > 0 and rest(1, length) or nil
end
local function whole(rest) return rest:len(), rest:len() > 0 and rest(0) or nil end
local readers = {
  name = short, octets = short, rest = whole, text = whole, u32 = fixed(4), u64 = fixed(8), code = fixed(2), what = fixed(1),
}

-- Reads a payload's fields; gives a few of them for the list of packets.
local function message(tvb, tree, name)
  local at, words = 0, {}
  local function rest() return at < tvb:len() and tvb(at):tvb() or nil end
  for _, field in ipairs(messages[name]) do
    local kind, left = kinds[field], rest()
    local read = readers[kind] or fixed(1)
    local length, value
    if left then length, value = read(left)
    elseif kind == "rest" or kind == "text" then length = 0 end
    if not length then
      tree:add_proto_expert_info(bad_message, name .. ": the payload ends inside its field `" .. field .. "`")
      return words
    end
    local range = value and tvb(at + length - value:len(), value:len())
    -- What is empty has no octets to show.
    if length > 0 and (kind == "name" or kind == "text") then
      local text = range and range:string(ENC_UTF_8) or ""
      tree:add(q[field], tvb(at, length), text)
      if kind == "name" and field ~= "token" and text ~= "" then words[#words + 1] = field .. "=" .. text end
    elseif range then
      local item = tree:add(q[field], range)
      if type(kind) == "table" and not kind[range:uint()] then
        item:add_proto_expert_info(bad_message, name .. ": its field `" .. field .. "` is " .. range:uint() .. ", which has no meaning")
      end
      if kind == "u32" or kind == "u64" then words[#words + 1] = field .. "=" .. tostring(range:len() == 8 and range:uint64() or range:uint()) end
    end
    at = at + length
  end
  if at < tvb:len() then
    tree:add_proto_expert_info(bad_message, name .. ": " .. tvb:len() - at .. " octets follow its last field")
  end
  return words
end

-- One frame, whole, or what is left where there is none. Gives what it took.
local function one(tvb, pinfo, root)
  pinfo.cols.protocol = "layerlab"
  if not is_header(tvb, 0) then
    local tree = root:add(frame, tvb(), "layerlab: no frame, or a corrupted header")
    tree:add_proto_expert_info(bad_frame)
    if tvb:len() >= HEADER then
      local found = crc32c(tvb(0, 8))
      tree:add(f.header_checksum, tvb(8, 4))
      tree:add(f.header_status, tvb(8, 4), tvb(8, 4):uint() == found and 1 or 0):set_generated()
    end
    pinfo.cols.info:append(" [bad frame]")
    return tvb:len()
  end
  local length = tvb(4, 4):uint()
  local name = types[tvb(3, 1):uint()]
  local tree = root:add(frame, tvb(0, HEADER + length + TRAILER), "layerlab frame, " .. (name or "unknown type") .. ", " .. length .. " octets of payload")
  tree:add(f.magic, tvb(0, 2))
  tree:add(f.version, tvb(2, 1))
  tree:add(f.type, tvb(3, 1))
  tree:add(f.length, tvb(4, 4))
  tree:add(f.header_checksum, tvb(8, 4))
  tree:add(f.header_status, tvb(8, 4), 1):set_generated()
  local trailer = tvb(HEADER + length, TRAILER)
  local good = trailer:uint() == (length > 0 and crc32c(tvb(HEADER, length)) or 0)
  tree:add(f.payload_checksum, trailer)
  tree:add(f.payload_status, trailer, good and 1 or 0):set_generated()
  if not good then
    tree:add_proto_expert_info(bad_checksum, "the payload was corrupted")
    pinfo.cols.info:append(" [corrupted]")
  elseif not name then
    tree:add_proto_expert_info(bad_message, "a type that has no meaning in version 1")
  else
    local payload = length > 0 and tvb(HEADER, length):tvb() or ByteArray.new(""):tvb("empty payload")
    local inner = root:add(queue, length > 0 and tvb(HEADER, length) or tvb(HEADER, 0), "layerlab queue, " .. name)
    pinfo.cols.info:append(" " .. name .. " " .. table.concat(message(payload, inner, name), " "))
  end
  return HEADER + length + TRAILER
end

local function length_at(tvb, _, at)
  if is_header(tvb, at) then return HEADER + tvb(at + 4, 4):uint() + TRAILER end
  -- The edges are lost: all that is left here is one piece.
  return tvb:len() - at
end

local function stream(tvb, pinfo, root)
  pinfo.cols.info = ""
  dissect_tcp_pdus(tvb, root, HEADER, length_at, one)
  return tvb:len()
end

-- A datagram or a WebSocket message is exactly one frame.
local function single(tvb, pinfo, root)
  pinfo.cols.info = ""
  local taken = tvb:len()
  if is_header(tvb, 0) and HEADER + tvb(4, 4):uint() + TRAILER <= tvb:len() then taken = one(tvb, pinfo, root)
  else
    root:add(frame, tvb(), "layerlab: no frame"):add_proto_expert_info(bad_frame)
    pinfo.cols.protocol = "layerlab"
  end
  if taken < tvb:len() then
    root:add(frame, tvb(taken), "layerlab: more than one frame"):add_proto_expert_info(bad_frame, "octets follow the frame")
  end
  return tvb:len()
end

-- 2: TCP; 3: UDP. What carries a WebSocket message is TCP too, so that one has a protocol of its own below.
function frame.dissector(tvb, pinfo, root)
  if pinfo.port_type == 3 then return single(tvb, pinfo, root) end
  return stream(tvb, pinfo, root)
end

local message_frame = Proto("layerlab_ws", "layerlab frame in a WebSocket message")
function message_frame.dissector(tvb, pinfo, root) return single(tvb, pinfo, root) end

local function heuristic(tvb, pinfo, root)
  if not is_header(tvb, 0) or not types[tvb(3, 1):uint()] then return false end
  pinfo.conversation = frame
  frame.dissector(tvb, pinfo, root)
  return true
end

frame:register_heuristic("tcp", heuristic)
frame:register_heuristic("udp", heuristic)
for _, name in ipairs({ "tcp.port", "udp.port" }) do DissectorTable.get(name):add_for_decode_as(frame) end
DissectorTable.get("ws.protocol"):add("layerlab.queue", message_frame)
