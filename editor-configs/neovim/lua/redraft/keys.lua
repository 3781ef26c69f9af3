-- Insert-mode keys that act on ghost text while there is some, and otherwise do what they did before.

local M = {}

local before = {} -- by key: the mapping that we replaced, empty when there was none

local function typed(keys)
  return vim.api.nvim_replace_termcodes(keys, true, true, true)
end

-- What a key did before: another mapping, or itself.
local function otherwise(key)
  local mapping = before[key]
  if vim.tbl_isempty(mapping) then
    return typed(key)
  end
  if mapping.callback and mapping.expr == 0 then
    vim.schedule(mapping.callback)
    return ""
  end
  local keys = mapping.rhs
  if mapping.expr == 1 then
    keys = mapping.callback and mapping.callback() or vim.api.nvim_eval(mapping.rhs)
  end
  return (mapping.expr == 0 or mapping.replace_keycodes == 1) and typed(keys or "") or keys
end

-- `act` returns the keys to type instead, or nil when it has nothing to do. No key, no mapping.
function M.map(key, what, act)
  if not key or key == "" then
    return
  end
  local mapping = vim.fn.maparg(key, "i", false, true)
  if not vim.startswith(mapping.desc or "", "redraft: ") then
    before[key] = mapping
  end
  vim.keymap.set("i", key, function()
    local keys = act()
    return keys and typed(keys) or otherwise(key)
  end, { expr = true, replace_keycodes = false, desc = "redraft: " .. what })
end

return M
