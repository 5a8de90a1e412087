/* What the overlay says, by language. */
window.tvradarText = {
  en: {
    radar: "Radar", scanning: "Looking", idle: "Nobody on screen", names: "On screen: ", either: "Hard to tell apart",
    unknown: "Nobody known on screen", nosignal: "No signal", ended: "The programme has ended", offline: "Offline",
    nosignalHelp: "Check the cable or the source. Names come back by themselves.",
    endedHelp: "Names come back with the next programme.",
    offlineHelp: "The radar cannot be reached. Trying again.",
    now: "On screen", gone: "Just gone", who: "Who is on screen", nobody: "Nobody here is known",
    or: " or ", comma: ", ", as: " as ", retry: "One moment, please try again", loading: "Loading",
    choose: "◀ ▶ choose · OK more · Back close",
    keys: "◀ ▶ others · X not this person · Back close",
    refused: "Thank you. That name is taken back.", gonealready: "That face is already gone.",
    unnamed: "Without a name: ",
    why: { too_small: "too far away", blurred: "blurred", profile: "turned away", below_threshold: "not in the gallery",
      ambiguous: "hard to tell apart" }
  },
  zh: {
    radar: "雷达", scanning: "识别中", idle: "画面中没有人", names: "画面中：", either: "难以区分",
    unknown: "画面中没有已知人物", nosignal: "无信号", ended: "节目已结束", offline: "已断开",
    nosignalHelp: "请检查线缆或信号源，恢复后名字会自动出现。",
    endedHelp: "下一个节目开始后名字会自动出现。",
    offlineHelp: "无法连接雷达，正在重试。",
    now: "正在画面中", gone: "刚刚离开", who: "画面中的人物", nobody: "没有认出任何人",
    or: " 或 ", comma: "、", as: " 饰 ", retry: "请稍候再试", loading: "加载中",
    choose: "◀ ▶ 选择 · 确认 详情 · 返回 关闭",
    keys: "◀ ▶ 其他人物 · X 不是此人 · 返回 关闭",
    refused: "谢谢，已撤回此名字。", gonealready: "该人物已离开画面。",
    unnamed: "未识别：",
    why: { too_small: "太远", blurred: "模糊", profile: "侧脸", below_threshold: "不在库中", ambiguous: "难以区分" }
  }
};
