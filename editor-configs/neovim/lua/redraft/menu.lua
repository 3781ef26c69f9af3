-- Completion menus that may lie over ghost text: Neovim's own, blink.cmp's, nvim-cmp's. While one is open it has the keys.

local M = {}

local following = false -- nvim-cmp's events know no way to stop

function M.open()
  if vim.fn.pumvisible() == 1 then
    return true
  end
  local blink, cmp = package.loaded["blink.cmp"], package.loaded["cmp"]
  return (blink and blink.is_menu_visible and blink.is_menu_visible()) or (cmp and cmp.visible and cmp.visible()) or false
end

-- Call back when a menu opens and when it closes.
function M.follow(group, opened, closed)
  local on = function(events, callback, pattern)
    vim.api.nvim_create_autocmd(events, { group = group, pattern = pattern, callback = vim.schedule_wrap(callback) })
  end
  on("CompleteChanged", opened)
  on("User", opened, "BlinkCmpMenuOpen")
  on("User", closed, "BlinkCmpMenuClose")
  on("InsertEnter", function()
    local cmp = package.loaded["cmp"]
    if cmp and cmp.event and not following then
      following = true
      cmp.event:on("menu_opened", opened)
      cmp.event:on("menu_closed", closed)
    end
  end)
end

return M
