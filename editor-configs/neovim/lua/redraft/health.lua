-- :checkhealth redraft

local M = {}

function M.check()
  local health, redraft = vim.health, require("redraft")
  local client = require("redraft.client")
  health.start("redraft")

  if vim.fn.has("nvim-0.10") == 0 then
    return health.error("this plugin needs Neovim 0.10 or newer", "update Neovim")
  end
  local options = redraft.options
  if not options then
    return health.error("redraft is not set up", 'put require("redraft").setup() into your init.lua')
  end

  local program = options.cmd[1]
  local starts, ran = pcall(function()
    return vim.system({ program, "--version" }, { text = true }):wait(10000)
  end)
  if not starts then -- it is not there, or what it is a script for is not
    health.error(
      program .. " cannot be started",
      'pip install . in its folder, or name it: require("redraft").setup({ cmd = { "/path/to/redraft", "lsp" } })'
    )
  elseif ran.code == 0 then
    health.ok(vim.trim(ran.stdout) .. " at " .. vim.fn.exepath(program))
  else
    health.warn(("%s --version failed"):format(program), "run `redraft doctor` in a shell")
  end

  local status = redraft.status()
  local said = status.state .. (status.message ~= "" and ": " .. status.message or "")
  if status.state == "ready" or status.state == "off" then
    health.ok("the server is " .. said)
  elseif status.state == "error" or status.state == "slow" then
    health.warn("the server is " .. said, "run `redraft doctor` in a shell; :Redraft restart tries again")
  else
    health.info("the server is " .. said .. "; it starts with the first file that has a file type")
  end
  local clients = vim.lsp.get_clients({ name = "redraft" })
  health.info(("%d server for %d buffers"):format(#clients, clients[1] and vim.tbl_count(clients[1].attached_buffers) or 0))

  health.info("ghost text is drawn by " .. (redraft.native and "Neovim (ghost_text = \"native\")" or "this plugin"))
  local known = { "accept", "accept_word", "accept_line", "next", "previous", "invoke", "dismiss", "next_edit" }
  for _, what in ipairs(known) do
    local key = options.keys[what]
    local desc = key and vim.fn.maparg(key, what == "next_edit" and "n" or "i", false, true).desc or ""
    if not key or key == "" then
      health.info(what .. ": no key")
    elseif vim.startswith(desc, "redraft: ") then
      health.ok(("%s: %s"):format(what, key))
    else
      health.warn(
        ("%s: another mapping took %s (%s)"):format(what, key, desc ~= "" and desc or "no description"),
        "set up redraft after it, or choose other keys with setup({ keys = … })"
      )
    end
  end
end

return M
