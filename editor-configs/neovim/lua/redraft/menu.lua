-- Completion menus that may lie over ghost text: Neovim's own, blink.cmp's, nvim-cmp's. While one is open it has the keys.

local M = {}

local stops = {} -- what ends nvim-cmp's calls

function M.open()
  if vim.fn.pumvisible() == 1 then
    return true
  end
  local blink = package.loaded["blink.cmp"]
  if blink and blink.is_menu_visible and blink.is_menu_visible() then
    return true
  end
  -- cmp.visible() waits until nvim-cmp has filtered what was typed, up to a second, and this is asked at every key.
  local view = vim.tbl_get(package.loaded["cmp"] or {}, "core", "view")
  return view ~= nil and view:visible()
end

-- Call back when a menu opens and when it closes, instead of whoever was called before.
function M.follow(group, opened, closed)
  for _, stop in ipairs(stops) do
    stop()
  end
  stops = {}
  local on = function(events, callback, pattern)
    vim.api.nvim_create_autocmd(events, { group = group, pattern = pattern, callback = vim.schedule_wrap(callback) })
  end
  on("CompleteChanged", opened)
  on("User", opened, "BlinkCmpMenuOpen")
  on("User", closed, "BlinkCmpMenuClose")
  on("InsertEnter", function()
    local cmp = package.loaded["cmp"]
    if cmp and cmp.event and #stops == 0 then
      stops = { cmp.event:on("menu_opened", opened), cmp.event:on("menu_closed", closed) }
    end
  end)
end

return M
