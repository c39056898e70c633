-- The key log: lines of MSGR2_CONNECTION_SECRET CLIENT SERVER HEX, where either address may be `*`.

local keylog = {path = "", lines = {}, trouble = nil}

do
  -- Returns an address to be compared with that of a packet, and a port; nothing where it is neither.
  local function host(written)
    local name, port = written:match("^%[?([%x:.]+)[^%]:]*%]?:(%d+)$")
    if not name then return nil end
    name = name:gsub("^::[fF][fF][fF][fF]:(%d+%.%d+%.%d+%.%d+)$", "%1")
    local make = name:find(":", 1, true) and Address.ipv6 or name:match("^%d+%.%d+%.%d+%.%d+$") and Address.ip
    if not make then return nil end
    local fine, address = pcall(make, name)
    return fine and {address = address, port = tonumber(port)} or nil
  end

  local function secret(digits)
    if #digits % 2 == 1 or #digits < 2 * TABLES.keylog.secret or digits:find("%X") then return nil end
    return (digits:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
  end

  local function line(text)
    local label, client, server, digits = text:match("^%s*(%S+)%s+(%S+)%s+(%S+)%s+(%S+)%s*$")
    if label ~= TABLES.keylog.label then return nil end
    local found = {secret = secret(digits)}
    if client ~= TABLES.keylog.any then found.client = host(client) or false end
    if server ~= TABLES.keylog.any then found.server = host(server) or false end
    if not found.secret or found.client == false or found.server == false then return nil end
    return found
  end

  -- Reads the file again: it may have grown since.
  function keylog.load()
    keylog.lines, keylog.trouble = {}, nil
    if keylog.path == "" then
      keylog.trouble = "no key log is set (preference msgr2.keylog)"
      return
    end
    local file, why = io.open(keylog.path, "r")
    if not file then
      keylog.trouble = "the key log cannot be read: " .. tostring(why)
      return
    end
    local passed = 0
    for text in file:lines() do
      if not text:match("^%s*$") and not text:match("^%s*#") then
        local found = line(text)
        if found then keylog.lines[#keylog.lines + 1] = found else passed = passed + 1 end
      end
    end
    file:close()
    if passed > 0 then keylog.trouble = passed .. " lines of the key log are not understood" end
  end

  local function fits(wanted, address, port)
    return wanted == nil or wanted.port == port and wanted.address == address
  end

  -- Returns the secrets that may be those of a connection, the likeliest first, each once.
  function keylog.secrets(client, client_port, server, server_port)
    local found, seen = {}, {}
    for stars = 0, 2 do
      for _, each in ipairs(keylog.lines) do
        local open = (each.client and 0 or 1) + (each.server and 0 or 1)
        if open == stars and not seen[each.secret] and fits(each.client, client, client_port)
          and fits(each.server, server, server_port) then
          seen[each.secret] = true
          found[#found + 1] = each.secret
        end
      end
    end
    return found
  end
end
