-- Keys that act on what is proposed while something is, and otherwise do what they did before.

local M = {}

local before = { i = {}, n = {} } -- by mode and key: the mapping that we replaced, empty when there was none

local function typed(keys)
  return vim.api.nvim_replace_termcodes(keys, true, true, true)
end

-- The text of a mapping as :map keeps it. maparg() tells it as it was written, with the names of keys and <SID>.
local function text_of(mapping)
  return typed((mapping.rhs:gsub("<[Ss][Ii][Dd]>", ("<SNR>%d_"):format(mapping.sid))))
end

-- The mapping of a key in all buffers, or an empty one. One of a single buffer takes its place there by itself.
local function everywhere(mode, key)
  local raw = typed(key)
  for _, mapping in ipairs(vim.api.nvim_get_keymap(mode)) do
    if mapping.lhsraw == raw or mapping.lhsrawalt == raw then
      return mapping
    end
  end
  return {}
end

-- What a key did before: another mapping, or itself.
local function otherwise(mode, key)
  local mapping = before[mode][key]
  if vim.tbl_isempty(mapping) then
    return typed(key)
  end
  if mapping.callback and mapping.expr == 0 then
    -- In its turn among the keys: scheduled, it would come after those that are typed already.
    return typed("<Cmd>") .. ("lua require('redraft.keys').call(%q, %q)"):format(mode, key) .. typed("<CR>")
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

function M.call(mode, key)
  before[mode][key].callback()
end

-- Put back what was there before us; what others have put there since stays.
function M.clear()
  for mode, mappings in pairs(before) do
    for key, mapping in pairs(mappings) do
      if vim.startswith(everywhere(mode, key).desc or "", "redraft: ") then
        vim.keymap.del(mode, key)
        if not vim.tbl_isempty(mapping) then
          vim.fn.mapset(mode, false, mapping)
        end
      end
    end
    before[mode] = {}
  end
end

-- `act` returns the keys to type instead, or nil when it has nothing to do. No key, no mapping.
function M.map(mode, key, what, act)
  if not key or key == "" then
    return
  end
  local was = everywhere(mode, key)
  before[mode][key] = was
  vim.keymap.set(mode, key, function()
    local keys = act()
    return keys and typed(keys) or otherwise(mode, key)
  end, {
    expr = true,
    remap = was.noremap == 0,
    silent = was.silent == 1,
    nowait = was.nowait == 1,
    replace_keycodes = false,
    desc = "redraft: " .. what,
  })
end

return M
