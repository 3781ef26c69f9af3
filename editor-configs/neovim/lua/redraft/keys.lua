-- Insert-mode keys that act on ghost text while there is some, and otherwise do what they did before.

local M = {}

local before = {} -- by key: the mapping that we replaced, empty when there was none

local function typed(keys)
  return vim.api.nvim_replace_termcodes(keys, true, true, true)
end

-- The text of a mapping as :map keeps it. maparg() tells it as it was written, with the names of keys and <SID>.
local function text_of(mapping)
  return typed((mapping.rhs:gsub("<[Ss][Ii][Dd]>", ("<SNR>%d_"):format(mapping.sid))))
end

-- The mapping of a key in all buffers, or an empty one. One of a single buffer takes its place there by itself.
local function everywhere(key)
  local raw = typed(key)
  for _, mapping in ipairs(vim.api.nvim_get_keymap("i")) do
    if mapping.lhsraw == raw or mapping.lhsrawalt == raw then
      return mapping
    end
  end
  return {}
end

-- What a key did before: another mapping, or itself.
local function otherwise(key)
  local mapping = before[key]
  if vim.tbl_isempty(mapping) then
    return typed(key)
  end
  if mapping.callback and mapping.expr == 0 then
    -- In its turn among the keys: scheduled, it would come after those that are typed already.
    return typed("<Cmd>") .. ("lua require('redraft.keys').call(%q)"):format(key) .. typed("<CR>")
  end
  if mapping.expr == 0 then
    return text_of(mapping)
  end
  local keys
  if mapping.callback then
    keys = mapping.callback()
  else
    keys = vim.api.nvim_eval(text_of(mapping))
  end
  return mapping.replace_keycodes == 1 and typed(keys or "") or keys
end

function M.call(key)
  before[key].callback()
end

-- Put back what was there before us; what others have put there since stays.
function M.clear()
  for key, mapping in pairs(before) do
    if vim.startswith(everywhere(key).desc or "", "redraft: ") then
      vim.keymap.del("i", key)
      if not vim.tbl_isempty(mapping) then
        vim.fn.mapset("i", false, mapping)
      end
    end
  end
  before = {}
end

-- `act` returns the keys to type instead, or nil when it has nothing to do. No key, no mapping.
function M.map(key, what, act)
  if not key or key == "" then
    return
  end
  before[key] = everywhere(key)
  local remap = before[key].noremap == 0
  vim.keymap.set("i", key, function()
    local keys = act()
    return keys and typed(keys) or otherwise(key)
  end, { expr = true, remap = remap, replace_keycodes = false, desc = "redraft: " .. what })
end

return M
