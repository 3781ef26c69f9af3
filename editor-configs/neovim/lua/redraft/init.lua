-- redraft for Neovim: starts the language server and shows its ghost text. See :help redraft.
--
--   vim.opt.runtimepath:append("/path/to/redraft/editor-configs/neovim")
--   require("redraft").setup()
--
-- Debounce, caching and when to stay silent are the server's, so that all editors behave alike.

local client = require("redraft.client")
local edits = require("redraft.next")

local M = {}

local ghost -- ghost.lua or native.lua

-- What setup() was given, over the defaults; nil before. M.native: whether the editor draws the ghost text itself.
M.options, M.native = nil, false

local defaults = {
  cmd = { "redraft", "lsp" },
  filetypes = "*", -- a FileType pattern, or a list of them
  root_markers = { ".git", "pyproject.toml", "package.json", "Cargo.toml", "go.mod" },
  settings = {}, -- section `redraft`, see the table in the README
  ghost_text = nil, -- "native": Neovim's own, 0.12 has it; "plugin": drawn by this plugin. Native where there is one.
  keys = {
    accept = "<Tab>",
    accept_word = "<M-Right>",
    accept_line = "<M-Down>",
    next = "<M-]>",
    previous = "<M-[>",
    invoke = "<M-\\>",
    dismiss = "<C-]>",
    next_edit = "<Tab>", -- in Normal mode
  },
}

local function map(keys)
  local function on(...)
    require("redraft.keys").map("i", ...)
  end
  local function taking(part)
    return function()
      return ghost.take(part)
    end
  end
  local function doing(act)
    return function()
      vim.schedule(act)
      return ""
    end
  end
  on(keys.accept, "accept ghost text", taking())
  on(keys.accept_word, "accept its next word", taking("word"))
  on(keys.accept_line, "accept its next line", taking("line"))
  on(keys.dismiss, "dismiss ghost text", function()
    return ghost.dismiss() and "" or nil
  end)
  on(keys.invoke, "ask for ghost text", doing(ghost.invoke))
  for key, step in pairs({ [keys.next or ""] = 1, [keys.previous or ""] = -1 }) do
    on(key, step > 0 and "next proposal" or "previous proposal", doing(function()
      ghost.choose(step)
    end))
  end
  require("redraft.keys").map("n", keys.next_edit, "make the next edit", edits.take)
end

-- Code actions for what is wrong on the cursor's line, or on `lines` ({ first, last }, counted from 1), which may be
-- rewritten, too; `given` goes to vim.lsp.buf.code_action().
function M.fix(given, lines)
  if not client.of() then
    return vim.notify("redraft is not running for this file.", vim.log.levels.WARN)
  end
  require("redraft.fix")(given, lines)
end

-- { state, message }: loading, ready, slow, off, error or stopped.
function M.status()
  return client.status
end

-- What holds in the current buffer: the server may well be ready, but not for this language.
local function status_here()
  local status, enabled, language = client.status, client.settings().enable, vim.bo.filetype
  if type(enabled) ~= "table" or not vim.tbl_contains({ "ready", "slow" }, status.state) then
    return status
  end
  local on = enabled[language]
  if on == nil then
    on = enabled["*"]
  end
  return on == false and { state = "off", message = ("Paused for %s."):format(language) } or status
end

-- For 'statusline': %{v:lua.require'redraft'.statusline()}. Empty where redraft is not running.
function M.statusline()
  if not client.of() then
    return client.status.state == "error" and "redraft: error" or ""
  end
  local state = status_here().state
  if state == "ready" then
    return ghost.thinking() and "redraft …" or "redraft"
  end
  return "redraft: " .. state
end

function M.configure(settings)
  client.configure(settings)
  ghost.dismiss() -- it may be off now
  edits.refresh()
end

-- ---- :Redraft

local MODES = { "speedy", "quality", "auto", "causal" }

local before_pause

-- Off or on, everywhere or for one language; a language id is what Neovim calls a file type. What is off everywhere
-- comes back as it was, and where nothing is, what is off for some languages stays so.
local function enable(on, language)
  local enabled = client.settings().enable
  if language then
    enabled = type(enabled) == "table" and enabled or { ["*"] = enabled ~= false }
    enabled = vim.tbl_extend("force", enabled, { [language] = on })
  elseif on then
    enabled, before_pause = before_pause or enabled or true, nil
  else
    before_pause = before_pause or enabled == nil or enabled
    enabled = false
  end
  M.configure({ enable = enabled })
end

local function pause(on)
  return function(language)
    enable(on, language)
  end
end

-- How the last proposal came to be, step by step, in a window of its own.
local function show_trace()
  local running = client.of()
  if not running then
    return vim.notify("redraft is not running for this file.", vim.log.levels.WARN)
  end
  client.call(running, "request", "redraft/lastTrace", vim.empty_dict(), function(problem, trace)
    if problem or trace.text == "" then
      return vim.notify("redraft: the model has not been asked yet.")
    end
    vim.cmd("botright new")
    local options = { buftype = "nofile", bufhidden = "wipe", swapfile = false, buflisted = false }
    for name, value in pairs(options) do
      vim.bo[name] = value
    end
    vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(trace.text, "\n", { plain = true }))
    vim.bo.modifiable = false
  end, vim.api.nvim_get_current_buf())
end

local commands = {
  status = function()
    local status, mode = status_here(), client.settings().mode or "speedy"
    local words = ("redraft: %s, mode %s"):format(status.state, mode)
    vim.api.nvim_echo({ { status.message ~= "" and words .. ". " .. status.message or words } }, false, {})
  end,
  pause = pause(false),
  resume = pause(true),
  mode = function(name)
    if not vim.tbl_contains(MODES, name) then
      return vim.notify("redraft: the modes are " .. table.concat(MODES, ", ") .. ".", vim.log.levels.ERROR)
    end
    M.configure({ mode = name })
  end,
  dismiss = edits.dismiss,
  trace = show_trace,
  fix = function(_, lines)
    M.fix({}, lines)
  end,
  restart = client.restart,
}

local function complete(lead, line)
  local before = vim.split(vim.trim(line:sub(1, #line - #lead)), "%s+")
  local known = before[2] == nil and vim.tbl_keys(commands)
    or ({ mode = MODES, pause = { vim.bo.filetype }, resume = { vim.bo.filetype } })[before[2]]
  known = vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, known or {})
  table.sort(known)
  return known
end

local function run(given)
  local name, argument = given.fargs[1], given.fargs[2]
  if not commands[name] then
    local known = vim.tbl_keys(commands)
    table.sort(known)
    return vim.notify("redraft: :Redraft takes " .. table.concat(known, ", ") .. ".", vim.log.levels.ERROR)
  end
  commands[name](argument, given.range > 0 and { given.line1, given.line2 } or nil)
end

function M.setup(given)
  local options = vim.tbl_deep_extend("force", vim.deepcopy(defaults), given or {})
  for _, name in ipairs({ "cmd", "settings", "keys" }) do
    if type(options[name]) ~= "table" then
      local text = "redraft: setup() was given no table for %s and does nothing; :help redraft-setup shows one."
      return vim.notify(text:format(name), vim.log.levels.ERROR)
    end
  end
  local group = vim.api.nvim_create_augroup("redraft", {})
  M.options = options
  local manual = options.settings.trigger == "manual" -- the editor knows no way to ask by hand
  M.native = client.completors() ~= nil and options.ghost_text ~= "plugin" and not manual
  ghost = require(M.native and "redraft.native" or "redraft.ghost")
  vim.api.nvim_set_hl(0, "RedraftGhost", { link = "Comment", default = true })
  vim.api.nvim_set_hl(0, "RedraftOld", { link = "@markup.strikethrough", default = true })
  local about = { nargs = "+", range = true, complete = complete, desc = "redraft: control it" }
  vim.api.nvim_create_user_command("Redraft", run, about)
  ghost.setup(group)
  edits.setup(group)
  require("redraft.keys").clear() -- those of a setup() before this one
  map(options.keys)
  client.setup(options, group, ghost)
end

return M
